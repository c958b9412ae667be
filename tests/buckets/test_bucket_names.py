"""Thumbnails in a bucket that are named by a template: as on disk, and known from listings."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.cloud import Cloud
from support.pictures import picture, tree
from support.places import Places, places_of
from support.program import make, thumbnailer
from support.s3_server import Storage, photos_in, settled, statuses, statuses_by_path

from thumbnailer import ConfigError, iter_thumbnails, make_thumbnails, prune, status
from thumbnailer.thumbs.folder_state import FAILED_BEFORE

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra

NAMES = ("a.jpg", "b.png", "2024/a.jpg", "2024/c.d.png", "x/a.jpg")
BY_STEM = "--name", "{stem}.webp", "--format", "webp"


@pytest.fixture(params=["bucket-bucket", "disk-bucket"])
def places(request: pytest.FixtureRequest, storage: Storage, tmp_path: Path) -> Places:
    found = places_of(request.param, storage, tmp_path)
    found.put(*NAMES)
    settled()
    return found


def states(places: Places, *options: str) -> set[str]:
    run = make(*places.arguments, *options)
    return {row["status"] for row in run.rows}


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{stem}.webp", ["2024/a.webp", "2024/c.d.webp", "a.webp", "b.webp", "x/a.webp"]),
        (
            "{ext}-{parent}-{stem}@{size}",
            [
                "2024/jpg-2024-a@64.webp",
                "2024/png-2024-c.d@64.webp",
                "jpg-photos-a@64.webp",
                "png-photos-b@64.webp",
                "x/jpg-x-a@64.webp",
            ],
        ),
    ],
)
def test_they_are_named_as_on_disk(
    places: Places, tmp_path: Path, template: str, names: list[str]
) -> None:
    options = "--format", "webp", "--size", "64", "--name", template
    assert states(places, *options) == {"made"}
    assert places.thumbs.names() == names
    settled()
    assert states(places, *options) == {"current"}
    make(places.samples, "--output", tmp_path / "out", *options)
    on_disk = {path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.webp")}
    assert sorted(map(os.fspath, on_disk)) == [
        name.replace("photos", places.samples.name) for name in names
    ]


def test_hashes_are_those_of_disks(places: Places, tmp_path: Path) -> None:
    places.put(*(f"many/{number:02}.jpg" for number in range(60)))
    settled()
    for expected in ("made", "current"):
        assert states(places, "--name", "{hash}", "--jobs", "2") == {expected}
        settled()
    make(places.samples, "--output", tmp_path / "out", "--name", "{hash}")
    on_disk = (path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.jpg"))
    assert places.thumbs.names() == sorted(map(os.fspath, on_disk))
    places.thumbs.remove(places.thumbs.names()[7])
    run = make(*places.arguments, "--name", "{hash}")
    assert (run.summary["made"], run.summary["current"]) == (1, 64)


def test_each_size_has_its_folder_and_each_format_its_ending(places: Places) -> None:
    options = "--name", "{stem}", "--size", "32", "--size", "16", "--format", "auto"
    Image.new("RGBA", (20, 20)).save(places.samples / "b.png")
    places.photos.put("b.png", (places.samples / "b.png").read_bytes())
    settled()
    assert states(places, *options) == {"made"}
    expected = {"2024/a.jpg", "2024/c.d.jpg", "a.jpg", "b.png", "x/a.jpg"}
    assert {*places.thumbs.names()} == {f"{n}/{name}" for n in (16, 32) for name in expected}
    settled()
    assert states(places, *options) == {"current"}
    opaque = picture(places.samples / "a.png", (20, 20)).read_bytes()
    places.photos.put("b.png", opaque)
    run = make(*places.arguments, *options)
    assert run.summary["made"] == 1
    assert {"16/b.jpg", "32/b.jpg"} <= {*places.thumbs.names()}
    assert not {"16/b.png", "32/b.png"} & {*places.thumbs.names()}


def test_a_share_has_its_folder_too(places: Places) -> None:
    options = ("--size", "50%", "--size", "0.001mp")
    assert states(places, *options) == {"made"}
    expected = {f"{size}/{name}" for size in ("50%", "0.001mp") for name in ("a.jpg", "b.png.jpg")}
    assert expected <= {*places.thumbs.names()}
    settled()
    assert states(places, *options) == {"current"}


def test_what_changes_is_made_again_and_what_is_not_ours_is_left(places: Places) -> None:
    places.thumbs.put("x/a.webp", b"of the user")
    settled()
    run = make(*places.arguments, *BY_STEM)
    assert (run.summary["made"], run.summary["failed"]) == (4, 1)
    settled()
    places.put("a.jpg")
    assert make(*places.arguments, *BY_STEM).summary["made"] == 1
    assert places.thumbs.get("x/a.webp") == b"of the user"
    assert states(places, *BY_STEM, "--replace") == {"made", "current"}


def test_what_fails_is_remembered_by_its_name(places: Places) -> None:
    places.photos.put("2024/bad.jpg", b"no picture")
    settled()
    for expected in ("made", "current"):
        run = make(*places.arguments, *BY_STEM)
        assert (run.summary[expected], run.summary["failed"]) == (len(NAMES), 1)
    (reason,) = (row["error"]["reason"] for row in run.rows if row["error"])
    assert reason.endswith(FAILED_BEFORE)
    assert make(*places.arguments, *BY_STEM, "--retry-failed").summary["failed"] == 1


def test_pictures_of_one_name_are_refused_before_anything_is_made(places: Places) -> None:
    """Also where the keys of others are listed between them."""
    places.put("x.d/1.jpg", "x.d/2.jpg", "x.cr.jpg", "x.png", "x.jpg")
    run = thumbnailer("make", *places.arguments, "--name", "{stem}")
    assert run.code == 2
    root, thumbs = places.photos.path, places.thumbs.path
    assert run.err.startswith("thumbnailer: name = '{stem}': ")
    assert f"{root}/x.jpg" in run.err
    assert f"{root}/x.png would both have the thumbnail {thumbs}/x.jpg" in run.err
    assert places.thumbs.all_names() == []


def test_keys_of_folders_between_two_of_one_name_hide_none(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, "photos/x.avif.jpg", "photos/x.d/1.jpg", "photos/x.png")
    storage.put("photos/x.bmp", picture(tmp_path / "x.bmp").read_bytes())
    assert storage.keys("photos/").index("photos/x.d/1.jpg") == 2
    with pytest.raises(ConfigError, match=r"x\.bmp and .*x\.png would both have"):
        make_thumbnails(f"{storage.url}/photos", output=f"{storage.url}/thumbs", name="{stem}")


def test_another_template_makes_all_again(storage: Storage, tmp_path: Path) -> None:
    """The thumbnail of `a_x.png` would have the name that the one of `a.png` had."""
    photos_in(storage, tmp_path, "photos/a.png")
    storage.put("photos/a_x.png", picture(tmp_path / "tall.png", (10, 40)).read_bytes())
    settled()
    where = f"{storage.url}/photos", f"{storage.url}/thumbs"
    assert set(statuses(*where, name="{stem}_x").values()) == {"made"}
    settled()
    assert set(statuses(*where, name="{stem}").values()) == {"made"}
    with Image.open(io.BytesIO(storage.get("thumbs/a_x.jpg"))) as thumbnail:
        assert thumbnail.size == (10, 40)


def test_what_was_made_of_another_picture_of_that_name_is_made_again(
    storage: Storage, tmp_path: Path
) -> None:
    """One that is left out now, and whose thumbnail is younger than both."""
    photos_in(storage, tmp_path, "photos/a.jpg")
    tall = picture(tmp_path / "tall.png", (10, 40)).read_bytes()
    storage.put("photos/a.png", tall)
    settled()
    where: Any = f"{storage.url}/photos", f"{storage.url}/thumbs"
    options: Any = {"name": "{stem}", "size": 48}
    assert statuses(*where, exclude=["*.png"], **options) == {"a.jpg": "made"}
    settled()
    assert statuses(*where, exclude=["*.jpg"], **options) == {"a.png": "made"}
    with Image.open(io.BytesIO(storage.get("thumbs/a.jpg"))) as thumbnail:
        assert thumbnail.size == (10, 40)


@pytest.mark.parametrize("template", ["{stem}_{ext}.webp", "{hash}"])
def test_what_is_current_costs_listings_only(
    storage: Storage, tmp_path: Path, template: str
) -> None:
    names = [f"photos/{folder}/{n:02}.png" for folder in "abc" for n in range(20)]
    photos_in(storage, tmp_path, *names)
    settled()
    where: Any = f"{storage.url}/photos", f"{storage.url}/thumbs"
    output: Any = {"output": where[1], "name": template, "format": "webp"}
    assert make_thumbnails(where[0], **output).made == 60
    settled()
    with storage.counted() as count:
        assert make_thumbnails(where[0], **output).current == 60
    assert set(count) == {"LIST"}
    # Whether there is anything, names, pictures, thumbnails; those in no order cost some more.
    assert count["LIST"] <= (4 if "stem" in template else 60)


def test_whatever_the_order_of_a_server_s_listings(cloud: Cloud, tmp_path: Path) -> None:
    names = [f"photos/{number % 3}/{number:02}.jpg" for number in range(60)]
    photos_in(cloud, tmp_path, *names, "photos/x-1.png", "photos/x.jpg", "photos/x/1.jpg")
    settled()
    where = f"{cloud.url}/photos", f"{cloud.url}/thumbs"
    for expected in ("made", "current"):
        found = statuses_by_path(*where, name="{hash}", **cloud.settings)
        assert [*found.values()] == [expected] * 63
        settled()
    assert len(cloud.keys("thumbs")) == 63


def test_long_keys_are_not_cut(storage: Storage, tmp_path: Path) -> None:
    key = f"photos/{'x' * 240}.jpg"
    storage.put(key, picture(tmp_path / "a.jpg").read_bytes())
    where = f"{storage.url}/photos", f"{storage.url}/thumbs"
    assert {*statuses(*where, name="{stem}_{stem}").values()} == {"made"}
    assert storage.keys("thumbs/") == [f"thumbs/{'x' * 240}_{'x' * 240}.jpg"]


def test_shards_know_the_names_of_the_others(places: Places) -> None:
    counts = [
        make(*places.arguments, *BY_STEM, "--shard", f"{number}/3").summary["made"]
        for number in (1, 2, 3)
    ]
    assert sum(counts) == len(NAMES)
    assert len(places.thumbs.names()) == len(NAMES)
    places.put("a.png")
    codes = {
        thumbnailer("make", *places.arguments, *BY_STEM, "--shard", f"{number}/3").code
        for number in (1, 2, 3)
    }
    assert codes == {2}


def test_of_keys_that_come_one_by_one_the_second_of_a_name_fails(
    storage: Storage, tmp_path: Path
) -> None:
    names = ("one/a.jpg", "one/b.jpg", "one/a.png", "one/b.jpg")
    photos_in(storage, tmp_path, *names)
    settled()
    (tmp_path / "list").write_text("\n".join(name.removeprefix("one/") for name in names))
    arguments = [f"{storage.url}/one", "--output", f"{storage.url}/thumbs", "--name", "{stem}"]
    run = make("--files-from", tmp_path / "list", *arguments)
    found = [(Path(row["source"]).name, row["status"]) for row in run.rows]
    assert sorted(found) == [
        ("a.jpg", "made"),
        ("a.png", "failed"),
        ("b.jpg", "current"),
        ("b.jpg", "made"),
    ]
    (reason,) = (row["error"]["reason"] for row in run.rows if row["error"])
    assert reason.endswith(f"/thumbs/a.jpg is already the thumbnail of {storage.url}/one/a.jpg")


def test_what_has_no_ending_is_no_picture_until_it_is_read(
    storage: Storage, tmp_path: Path
) -> None:
    data = picture(tmp_path / "a.jpg").read_bytes()
    for key, content in {"a": data, "b": b"only a text", "c.jpg": data}.items():
        storage.put(f"uploads/{key}", content)
    settled()
    where = f"{storage.url}/uploads", f"{storage.url}/thumbs"
    for expected in ("made", "current"):
        found = statuses(*where, name="t-{stem}", by_content=True)
        assert found == {"a": expected, "b": "skipped", "c.jpg": expected}
        settled()
    assert storage.keys("thumbs/") == ["thumbs/t-a.jpg", "thumbs/t-c.jpg"]


def test_one_by_one_they_go_to_the_top(storage: Storage, tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "a.png")
    found = iter_thumbnails(
        [tmp_path / "a.jpg", tmp_path / "a.png"], output=f"{storage.url}/thumbs", name="{stem}"
    )
    assert sorted(outcome.status for outcome in found) == ["failed", "made"]
    assert storage.keys("thumbs/") == ["thumbs/a.jpg"]


def test_status_does_not_take_for_an_orphan_what_it_can_not_tell(places: Places) -> None:
    make(*places.arguments, *BY_STEM)
    places.photos.remove("b.png")
    options: Any = {"output": places.thumbs.path, "name": "{stem}.webp", "format": "webp"}
    report = status(places.photos.path, **options)
    assert (report.pictures, report.current, report.missing) == (4, 4, 0)
    assert (report.orphaned, report.unknown, report.thumbnails) == (0, 1, 5)


def test_prune_and_clean_know_whose_they_are(places: Places) -> None:
    options: Any = {"output": places.thumbs.path, "name": "{stem}.webp", "format": "webp"}
    make(*places.arguments, *BY_STEM)
    places.photos.remove("2024/c.d.png", "b.png")
    report = prune(places.photos.path, **options)
    assert (report.orphaned, report.removed) == (2, 2)
    assert places.thumbs.names() == ["2024/a.webp", "a.webp", "x/a.webp"]
    settled()
    make(*places.arguments, "--name", "{stem}-new", "--format", "webp")
    assert len(places.thumbs.names()) == 6
    options["name"] = "{stem}-new"
    assert prune(places.photos.path, **options).removed == 0
    assert prune(places.photos.path, **options, stale=True).removed == 3
    assert places.thumbs.names() == ["2024/a-new.webp", "a-new.webp", "x/a-new.webp"]
    run = thumbnailer("clean", *places.arguments, "--yes")
    assert (run.code, places.thumbs.all_names()) == (0, [])
