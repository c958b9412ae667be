"""Pictures and thumbnails on servers of three kinds: SeaweedFS for S3, Azurite for Azure, and for
Google one that was written after its documentation."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image
from support.cloud import Cloud
from support.flaky_proxy import interfering
from support.pictures import corners, files_below, picture, tree
from support.program import checked, in_a_process, thumbnailer
from support.s3_server import outcomes, photos_in, settled, statuses

from thumbnailer import Outcome, clean, make_thumbnails, prune, status

pytestmark = [pytest.mark.slow, pytest.mark.extra]

BY_ANOTHER = b"a thumbnail by another machine"


def made(cloud: Cloud, **settings: Any) -> dict[str, Outcome]:
    """What becomes of the pictures in `photos`, with thumbnails in `thumbs`."""
    where = f"{cloud.url}/photos", f"{cloud.url}/thumbs"
    return outcomes(*where, **{**cloud.settings, **settings})


def states(cloud: Cloud, **settings: Any) -> dict[str, str]:
    return {name: outcome.status for name, outcome in made(cloud, **settings).items()}


def image(cloud: Cloud, key: str) -> Image.Image:
    return Image.open(io.BytesIO(cloud.get(key)))


def test_from_bucket_to_bucket(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/2024/b.png")
    assert states(cloud, size=32) == {"a.jpg": "made", "b.png": "made"}
    assert cloud.keys("thumbs") == ["thumbs/2024/b.png.jpg", "thumbs/a.jpg"]
    with image(cloud, "thumbs/2024/b.png.jpg") as thumbnail:
        assert thumbnail.size == (32, 21)
        assert corners(thumbnail) == ["red", "lime", "blue", "white"]
    assert cloud.attributes("thumbs/a.jpg")["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(("format", "mime"), [("png", "image/png"), ("webp", "image/webp")])
def test_browsers_know_what_thumbnails_are(
    cloud: Cloud, tmp_path: Path, format: str, mime: str
) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg")
    assert states(cloud, format=format) == {"a.jpg": "made"}
    (key,) = cloud.keys("thumbs")
    assert cloud.attributes(key)["Content-Type"] == mime


def test_headers_are_stored_with_thumbnails(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg")
    headers = ("Cache-Control=public, max-age=60", "Content-Language=de", "shop=of Ann & Bob")
    assert states(cloud, header=headers) == {"a.jpg": "made"}
    found = cloud.attributes("thumbs/a.jpg")
    assert found["Cache-Control"] == "public, max-age=60"
    assert found["Content-Language"] == "de"
    assert found["Content-Type"] == "image/jpeg"
    assert found["shop"] == "of Ann & Bob"


def test_a_second_run_writes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/2024/b.jpg")
    settled()
    assert states(cloud) == {"a.jpg": "made", "b.jpg": "made"}
    before = cloud.etags()
    assert states(cloud) == {"a.jpg": "current", "b.jpg": "current"}
    assert cloud.etags() == before


def test_what_is_current_costs_listings_only(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, *(f"photos/{n}.jpg" for n in range(20)))
    settled()
    states(cloud)
    count = Counter[str]()
    with interfering(cloud.endpoint, lambda *_: "", count=count) as endpoint:
        assert set(states(cloud, endpoint=endpoint).values()) == {"current"}
    assert count == {"LIST": 2}


def test_a_folder_for_each_of_many_costs_listings_only(cloud: Cloud, tmp_path: Path) -> None:
    """Of names that begin alike, too, which a server may list in an order of its own."""
    data = picture(tmp_path / "a.jpg").read_bytes()
    for n in range(300):
        cloud.put(f"photos/{n}/a.jpg", data)
        cloud.put(f"photos/{n}-{n}/a.jpg", data)
    settled()
    options: dict[str, Any] = {"output": f"{cloud.url}/thumbs", "size": 8}
    assert make_thumbnails(f"{cloud.url}/photos", endpoint=cloud.endpoint, **options).made == 600
    count = Counter[str]()
    with interfering(cloud.endpoint, lambda *_: "", count=count) as endpoint:
        report = make_thumbnails(f"{cloud.url}/photos", endpoint=endpoint, **options)
    assert (report.found, report.current) == (600, 600)
    assert set(count) == {"LIST"}


def test_other_settings_make_all_again(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/2024/b.jpg")
    settled()
    states(cloud)
    assert states(cloud, size=64) == {"a.jpg": "made", "b.jpg": "made"}
    with image(cloud, "thumbs/2024/b.jpg") as thumbnail:
        assert thumbnail.width == 64
    assert states(cloud, size=64) == {"a.jpg": "current", "b.jpg": "current"}


def test_a_changed_picture_is_made_again(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/b.jpg")
    settled()
    states(cloud)
    settled()
    data = io.BytesIO()
    Image.new("RGB", (50, 40)).save(data, "jpeg")
    cloud.put("photos/b.jpg", data.getvalue())
    settled()
    assert states(cloud) == {"a.jpg": "current", "b.jpg": "made"}
    with image(cloud, "thumbs/b.jpg") as thumbnail:
        assert thumbnail.size == (50, 40)
    assert states(cloud) == {"a.jpg": "current", "b.jpg": "current"}


def test_a_thumbnail_that_is_gone_is_made_again_and_no_other(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/b.jpg")
    settled()
    states(cloud)
    before = cloud.etags()
    cloud.delete("thumbs/a.jpg")
    assert states(cloud) == {"a.jpg": "made", "b.jpg": "current"}
    after = cloud.etags()
    assert after.keys() == before.keys()
    assert {key for key in after if after[key] != before[key]} <= {"thumbs/a.jpg"}


def test_what_failed_is_remembered_until_it_changes(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg")
    cloud.put("photos/bad.jpg", b"no picture at all, but a text")
    settled()
    assert states(cloud) == {"a.jpg": "made", "bad.jpg": "failed"}
    assert len(cloud.records("thumbs")) == 1
    before = cloud.etags()
    error = made(cloud)["bad.jpg"].error
    assert error
    assert error.reason == "is text, no picture (failed before and has not changed since)"
    assert cloud.etags() == before
    photos_in(cloud, tmp_path, "photos/bad.jpg")
    assert states(cloud)["bad.jpg"] == "made"
    assert cloud.records("thumbs") == []


def test_what_is_not_ours_is_not_overwritten(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/b.jpg", "thumbs/a.jpg")
    mine = cloud.get("thumbs/a.jpg")
    for size in (256, 256, 64):
        settled()
        found = made(cloud, size=size)
        error = found["a.jpg"].error
        assert error
        assert error.reason.endswith("is in the way: it was not made by thumbnailer")
        assert found["b.jpg"].status != "failed"
        assert cloud.get("thumbs/a.jpg") == mine


def test_who_comes_second_overwrites_nothing(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg")
    with outrun(cloud, "thumbs/a.jpg") as endpoint:
        assert states(cloud, endpoint=endpoint) == {"a.jpg": "current"}
    assert cloud.get("thumbs/a.jpg") == BY_ANOTHER


def test_who_comes_second_replaces_nothing(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg")
    settled()
    states(cloud)
    with outrun(cloud, "thumbs/a.jpg") as endpoint:
        assert states(cloud, endpoint=endpoint, size=64) == {"a.jpg": "current"}
    assert cloud.get("thumbs/a.jpg") == BY_ANOTHER


@contextmanager
def outrun(cloud: Cloud, key: str) -> Iterator[str]:
    """Another machine puts a thumbnail, an instant before the program does; gives an endpoint."""

    def mood(method: str, target: str) -> str:
        if method == "PUT" and unquote(target.partition("?")[0]).endswith(f"/{key}"):
            cloud.put(key, BY_ANOTHER)
        return ""

    with interfering(cloud.endpoint, mood) as endpoint:
        yield endpoint


def test_etags_are_verified_where_that_is_asked_for(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/b.jpg")
    settled()
    states(cloud)
    # As if the source had changed without becoming younger than its thumbnail.
    cloud.put("thumbs/b.jpg", cloud.get("thumbs/b.jpg"), thumbnailersource="of something else")
    assert states(cloud) == {"a.jpg": "current", "b.jpg": "current"}
    assert states(cloud, verify_etag=True) == {"a.jpg": "current", "b.jpg": "made"}
    assert states(cloud, verify_etag=True) == {"a.jpg": "current", "b.jpg": "current"}


def test_two_runs_at_once_do_not_disturb_each_other(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, *(f"photos/{n}.jpg" for n in range(40)))
    settled()
    where = f"{cloud.url}/photos", "--output", f"{cloud.url}/thumbs", "--endpoint", cloud.endpoint
    with ThreadPoolExecutor() as threads:
        runs = [*threads.map(lambda _: in_a_process("make", "--json", *where), range(2))]
    assert [run.err for run in runs] == ["", ""]
    assert {status for run in runs for status in checked(run).statuses.values()} <= {
        "made",
        "current",
    }
    assert len(cloud.keys("thumbs")) == 40
    for key in cloud.keys("thumbs"):
        with image(cloud, key) as thumbnail:
            assert thumbnail.size == (96, 64)
    assert set(states(cloud).values()) == {"current"}


def test_several_sizes_are_folders(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg")
    settled()
    outcome = made(cloud, size=["64", "32"])["a.jpg"]
    assert [one.width for one in outcome.thumbnails] == [64, 32]
    assert cloud.keys("thumbs") == ["thumbs/32/a.jpg", "thumbs/64/a.jpg"]
    assert states(cloud, size=["64", "32"]) == {"a.jpg": "current"}


def test_from_bucket_to_folder(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/2024/b.png")
    where: Any = f"{cloud.url}/photos", tmp_path / "thumbs"
    assert statuses(*where, **cloud.settings) == {"a.jpg": "made", "b.png": "made"}
    assert files_below(tmp_path / "thumbs") == {"a.jpg", "2024/b.png.jpg"}
    assert statuses(*where, **cloud.settings) == {"a.jpg": "current", "b.png": "current"}


def test_from_folder_to_bucket(cloud: Cloud, photos: Path) -> None:
    tree(photos, "a.jpg", "2024/b.png", "Z.png")
    for path in photos.rglob("*.*"):
        os.utime(path, (1e9, 1e9))
    where: Any = photos, cloud.url
    assert set(statuses(*where, **cloud.settings).values()) == {"made"}
    assert cloud.keys() == ["2024/b.png.jpg", "Z.png.jpg", "a.jpg"]
    assert set(statuses(*where, **cloud.settings).values()) == {"current"}


def test_what_can_not_be_put_is_not_called_current(cloud: Cloud, tmp_path: Path) -> None:
    """SeaweedFS keeps no object where it has a folder."""
    photos_in(cloud, tmp_path, "photos/a.jpg")
    cloud.put("photos/a.jpg/b.jpg", cloud.get("photos/a.jpg"))
    settled()
    for _ in range(2):
        found = states(cloud)
        there = {key.rpartition("/")[2] for key in cloud.keys("thumbs")}
        assert {name for name, status in found.items() if status != "failed"} == there


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_request_is_repeated_after_a_reset(cloud: Cloud, tmp_path: Path, method: str) -> None:
    """Servers reset connections that they think idle, or when they are short of processors."""
    photos_in(cloud, tmp_path, "photos/a.jpg")
    seen = set[str]()

    def mood(asked: str, target: str) -> str:
        """Each object's connection is reset once."""
        if asked != method or "jpg" not in target or target in seen:
            return ""
        seen.add(target)
        return "reset"

    with interfering(cloud.endpoint, mood) as endpoint:
        assert states(cloud, endpoint=endpoint) == {"a.jpg": "made"}
    assert seen


def test_what_is_not_there_is_said(cloud: Cloud, tmp_path: Path) -> None:
    def said(source: str, output: str) -> str:
        words = "make", source, "--output", output, "--endpoint", cloud.endpoint
        run = thumbnailer(*words)
        assert run.code == 1
        assert run.err.count("\n") == 1
        return run.err

    photos_in(cloud, tmp_path, "photos/a.jpg")
    thumbs, no_bucket = f"{cloud.url}/thumbs", f"{cloud.url}-that-is-not-there"
    assert "nothing is there" in said(f"{cloud.url}/nothing", thumbs)
    assert "there is no such bucket" in said(no_bucket, thumbs)
    assert "there is no such bucket" in said(f"{cloud.url}/photos", no_bucket)


def test_thumbnails_of_deleted_pictures_are_counted_and_go(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, *(f"photos/{n}/ä b.jpg" for n in range(8)), "photos/c.jpg")
    settled()
    made(cloud)
    made(cloud, format="webp")
    cloud.delete("photos/3/ä b.jpg")
    cloud.delete("photos/c.jpg")
    source = f"{cloud.url}/photos"
    settings: Any = {"output": f"{cloud.url}/thumbs", "format": "webp", **cloud.settings}
    counted = status(source, **settings)
    assert (counted.current, counted.orphaned, counted.thumbnails) == (7, 4, 18)
    report = prune(source, **settings)
    assert (report.thumbnails, report.orphaned, report.removed, report.failed) == (18, 4, 4, 0)
    assert len(cloud.keys("thumbs")) == 14
    assert not [key for key in cloud.etags("thumbs") if key.startswith("thumbs/3/")]
    report = prune(source, stale=True, **settings)
    assert (report.stale, report.removed) == (7, 7)
    assert cloud.keys("thumbs") == [f"thumbs/{n}/ä b.jpg.webp" for n in range(8) if n != 3]
    assert set(states(cloud, format="webp").values()) == {"current"}


def test_all_of_ours_is_cleaned_and_nothing_else(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/b/c.jpg", "thumbs/b/mine.jpg")
    cloud.put("photos/bad.jpg", b"no picture")
    settled()
    made(cloud)
    settings: Any = {"output": f"{cloud.url}/thumbs", **cloud.settings}
    report = clean(f"{cloud.url}/photos", **settings)
    assert (report.thumbnails, report.removed, report.failed) == (2, 2, 0)
    assert [*cloud.etags("thumbs")] == ["thumbs/b/mine.jpg"]
