"""`make --manifest`: which thumbnails each picture has, for what builds websites."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.cloud import Cloud
from support.pictures import picture, tree
from support.places import WITH_BUCKETS, Place, Places, places_of
from support.program import Run, make, thumbnailer
from support.s3_server import Storage, photos_in, settled
from support.thumbhash import shows_quarters

from thumbnailer import ConfigError, OutputError, Settings, make_thumbnails
from thumbnailer.buckets.document import BucketDocument
from thumbnailer.model import Failure, Outcome, Source
from thumbnailer.model import Run as Order
from thumbnailer.operations.make import iter_outcomes
from thumbnailer.operations.manifest.write import with_manifest

NAMES = ("a.jpg", "b.png", "2024/c.jpg", "2024/d e.jpg")


@pytest.fixture(params=["disk-disk", *WITH_BUCKETS])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    """Pictures, and a place for a manifest beside the thumbnails."""
    if request.param == "disk-disk":
        photos, thumbs = (Place(str(tmp_path / name)) for name in ("photos", "small"))
        found = Places(photos, thumbs, tmp_path / "samples")
    else:
        pytest.importorskip("obstore", reason="the extra s3 is not installed")
        found = places_of(request.param, request.getfixturevalue("storage"), tmp_path)
    found.put(*NAMES)
    if not found.thumbs.storage:
        Path(found.thumbs.path).mkdir(exist_ok=True)
    settled()
    return found


def made(places: Places, *options: str) -> Run:
    """A run that writes a manifest among the thumbnails."""
    return make(*places.arguments, "--manifest", f"{places.thumbs.path}/manifest.jsonl", *options)


def rows_of(content: bytes) -> dict[str, dict[str, Any]]:
    """The lines after the first one, by their pictures, which are in order."""
    first, *lines = content.splitlines()
    assert json.loads(first) == {"thumbnailer": 1, "file": "manifest"}
    assert content.endswith(b"\n")
    rows = [json.loads(line) for line in lines]
    names = [row.pop("source") for row in rows]
    assert names == sorted(set(names))
    return dict(zip(names, rows, strict=True))


def rows(places: Places) -> dict[str, dict[str, Any]]:
    return rows_of(places.thumbs.get("manifest.jsonl"))


def test_it_lists_what_each_picture_has(places: Places, tmp_path: Path) -> None:
    made(places, "--size", "48", "--size", "32", "--format", "webp")
    found = rows(places)
    assert [*found] == ["2024/c.jpg", "2024/d e.jpg", "a.jpg", "b.png"]
    for name, row in found.items():
        assert [*row] == ["etag", "bytes", "thumbnails"]
        assert row["bytes"] == len(places.photos.get(name))
        small, large = sorted(row["thumbnails"], key=lambda one: one["width"])
        for one, size in ((small, (32, 21)), (large, (48, 32))):
            assert [*one] == ["path", "width", "height", "bytes", "type", "placeholder"]
            assert one["path"] == f"{size[0]}/{name}.webp"
            assert (one["width"], one["height"], one["type"]) == (*size, "image/webp")
            content = places.thumbs.get(one["path"])
            assert one["bytes"] == len(content)
            (tmp_path / "one").write_bytes(content)
            with Image.open(tmp_path / "one") as thumbnail:
                assert thumbnail.size == size
            assert shows_quarters(one["placeholder"])
    if storage := places.photos.storage:
        head = storage.head(f"photos/{'a.jpg'}")
        assert found["a.jpg"]["etag"] == head["ETag"].strip('"')
    if storage := places.thumbs.storage:
        assert storage.head("small/manifest.jsonl")["ContentType"] == "application/x-ndjson"


def test_a_run_with_nothing_to_do_leaves_it_as_it_is(places: Places) -> None:
    made(places)
    settled()
    before = places.thumbs.get("manifest.jsonl")
    storage = places.thumbs.storage
    file = Path(places.thumbs.path, "manifest.jsonl")
    inode = None if storage else file.stat().st_ino
    if storage:
        with storage.counted() as count:
            assert made(places).summary["current"] == len(NAMES)
        assert count["PUT"] == 0
        assert count["HEAD"] == 1, "sizes are taken from the earlier one"
    else:
        assert made(places).summary["current"] == len(NAMES)
        assert file.stat().st_ino == inode
    assert places.thumbs.get("manifest.jsonl") == before


def test_sizes_of_what_is_current_are_asked_for_once(storage: Storage, tmp_path: Path) -> None:
    """As a listing does not show them."""
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    settled()
    make(*places.arguments)
    before = storage.get("small/2024/c.jpg")
    storage.put("small/2024/c.jpg", before)  # as by an earlier version, without metadata
    settled()
    with storage.counted() as count:
        assert made(places).summary["current"] == len(NAMES)
    assert count["HEAD"] == 1 + len(NAMES)
    found = rows(places)
    (unknown,) = found.pop("2024/c.jpg")["thumbnails"]
    assert [*unknown] == ["path", "bytes", "type"]
    thumbnails = [one for row in found.values() for one in row["thumbnails"]]
    assert [(one["width"], one["height"]) for one in thumbnails] == [(96, 64)] * 3
    assert all(shows_quarters(one["placeholder"]) for one in thumbnails)
    assert made(places).summary["current"] == len(NAMES)
    assert {**found, "2024/c.jpg": rows(places)["2024/c.jpg"]} == rows(places)


def test_sizes_of_other_thumbnails_are_not_taken_over(storage: Storage, tmp_path: Path) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    settled()
    made(places, "--size", "48")
    settled()
    make(*places.arguments, "--size", "32")  # without a manifest
    assert made(places, "--size", "32").summary["current"] == len(NAMES)
    assert {one["width"] for row in rows(places).values() for one in row["thumbnails"]} == {32}


def test_what_is_gone_or_fails_has_no_line(places: Places) -> None:
    made(places)
    settled()
    places.photos.remove("2024/c.jpg")
    places.photos.put("b.png", b"no picture")
    places.put("new.jpg")
    assert made(places).summary["failed"] == 1
    assert [*rows(places)] == ["2024/d e.jpg", "a.jpg", "new.jpg"]


def test_parts_of_the_pictures_keep_the_lines_of_the_others(places: Places, tmp_path: Path) -> None:
    made(places, "--shard", "1/2")
    first = rows(places)
    made(places, "--shard", "2/2")
    assert [*rows(places)] == sorted(NAMES)
    assert first.items() <= rows(places).items()
    settled()
    places.photos.put("a.jpg", picture(tmp_path / "b.jpg", (40, 40)).read_bytes())
    places.photos.remove("b.png")
    (tmp_path / "list").write_text("a.jpg\n")
    before = rows(places)
    made(places, "--files-from", str(tmp_path / "list"))
    after = rows(places)
    assert after["a.jpg"] != before["a.jpg"]
    assert after["a.jpg"]["thumbnails"][0]["width"] == 40
    assert [name for name in before if before[name] == after[name]] == sorted(NAMES[1:])
    made(places)
    assert [*rows(places)] == ["2024/c.jpg", "2024/d e.jpg", "a.jpg"]


def test_an_interrupted_run_keeps_what_it_has_not_looked_at(places: Places) -> None:
    made(places)
    places.put("new.jpg")
    stop = threading.Event()
    order = Order(force=True, stop=stop)
    settings = Settings(output=places.thumbs.path, jobs=1, size=32)
    path, roots = f"{places.thumbs.path}/manifest.jsonl", [places.photos.path]
    found = iter_outcomes(roots, settings, order)
    for _ in with_manifest(found, path, roots, settings, order):
        stop.set()
    assert {*rows(places)} >= {*NAMES}
    widths = {row["thumbnails"][0]["width"] for row in rows(places).values()}
    assert widths in ({32, 96}, {32})


def test_a_folder_that_can_not_be_read_is_not_gone(tmp_path: Path) -> None:
    photos = tree(tmp_path / "photos", *NAMES)
    path, roots = str(tmp_path / "m.jsonl"), [str(photos)]
    make(photos, "--manifest", path)
    unread = Outcome(Source(str(photos / "2024"), 0, 0), "failed", error=Failure("scan", "why"))
    skipped = Outcome(Source(str(photos / "a.jpg"), 0, 0), "skipped", error=Failure("scan", "why"))
    for _ in with_manifest([unread, skipped], path, roots, Settings(), Order()):
        pass
    assert [*rows_of(Path(path).read_bytes())] == ["2024/c.jpg", "2024/d e.jpg", "b.png"]


def test_what_is_named_twice_keeps_its_line(tmp_path: Path) -> None:
    photos = tree(tmp_path / "photos", "a.jpg")
    for _ in range(2):
        run = make(photos / "a.jpg", photos / "a.jpg", "--manifest", tmp_path / "m.jsonl")
        assert run.summary["failed"] == 0
        assert [*rows_of((tmp_path / "m.jsonl").read_bytes())] == [str(photos / "a.jpg")]


@pytest.mark.parametrize("content", [b"of the user", b'{"thumbnailer": 1}\n', b"\x89PNG"])
def test_no_other_file_is_replaced(places: Places, content: bytes) -> None:
    places.thumbs.put("manifest.jsonl", content)
    run = thumbnailer(
        "make", *places.arguments, "--manifest", f"{places.thumbs.path}/manifest.jsonl"
    )
    place = f"{places.thumbs.path}/manifest.jsonl"
    assert run.code == 1
    assert run.err == (
        f"thumbnailer: {place}: is in the way: it is no manifest that thumbnailer made\n"
    )
    assert places.thumbs.names() == ["manifest.jsonl"]
    assert places.thumbs.get("manifest.jsonl") == content


def test_an_empty_file_is_nobodys(places: Places) -> None:
    places.thumbs.put("manifest.jsonl", b"")
    made(places)
    assert len(rows(places)) == len(NAMES)


def test_a_dry_run_writes_none(places: Places) -> None:
    made(places, "--dry-run")
    assert places.thumbs.names() == []


def test_lines_of_another_hand_are_passed_over(places: Places) -> None:
    made(places)
    content = places.thumbs.get("manifest.jsonl")
    extra = b'\xff\n[]\n{"source": 1}\n{"source": "old.jpg", "placeholder": "x"}\n'
    places.thumbs.put("manifest.jsonl", content + extra)
    made(places, "--shard", "1/1")
    found = rows(places)
    assert found.pop("old.jpg") == {"placeholder": "x"}
    assert [*found] == sorted(NAMES)


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("", 2, "manifest: is empty"),
        ("https://example.com/m.jsonl", 2, "manifest: "),
        ("none/m.jsonl", 1, "none/m.jsonl: No such file or directory"),
        (".", 1, ".: "),
        ("photos/", 1, "photos/: "),
    ],
)
def test_what_can_not_be_written_is_told_before_anything_is_made(
    tmp_path: Path, path: str, code: int, words: str
) -> None:
    tree(tmp_path / "photos", "a.jpg")
    run = thumbnailer("make", "photos", "--manifest", path, cwd=tmp_path)
    assert (run.code, run.err.count("\n")) == (code, 1)
    assert words in run.err
    assert not (tmp_path / "photos" / "thumbs").exists()


@pytest.mark.extra
@pytest.mark.parametrize("key", ["", "/", "/folder/"])
def test_a_url_must_name_an_object(storage: Storage, tmp_path: Path, key: str) -> None:
    tree(tmp_path / "photos", "a.jpg")
    run = thumbnailer("make", "photos", "--manifest", f"{storage.url}{key}", cwd=tmp_path)
    assert (run.code, run.err) == (1, f"thumbnailer: {storage.url}{key}: names no object\n")
    assert not (tmp_path / "photos" / "thumbs").exists()


def test_paths_are_told_from_the_folder_of_the_manifest_if_they_are_in_it(tmp_path: Path) -> None:
    tree(tmp_path / "site" / "one", "a.jpg")
    tree(tmp_path / "site" / "two", "b.jpg")
    (tmp_path / "elsewhere").mkdir()
    make("one", "two", "--manifest", "m.jsonl", cwd=tmp_path / "site")
    found = rows_of((tmp_path / "site" / "m.jsonl").read_bytes())
    assert [*found] == [str(tmp_path / "site" / name) for name in ("one/a.jpg", "two/b.jpg")]
    paths = [row["thumbnails"][0]["path"] for row in found.values()]
    assert paths == ["one/thumbs/a.jpg", "two/thumbs/b.jpg"]
    make("one", "--manifest", "../elsewhere/m.jsonl", cwd=tmp_path / "site")
    found = rows_of((tmp_path / "elsewhere" / "m.jsonl").read_bytes())
    assert [*found] == ["a.jpg"]
    (one,) = found["a.jpg"]["thumbnails"]
    assert one["path"] == str(tmp_path / "site" / "one" / "thumbs" / "a.jpg")


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode")
def test_names_of_any_bytes_stay_exact(tmp_path: Path) -> None:
    names = ["é.jpg", 'a"b.jpg', os.fsdecode(b"\xff.jpg"), '"width": 0,.jpg']
    tree(tmp_path / "photos", *names)
    for _ in range(2):
        make(tmp_path / "photos", "--manifest", tmp_path / "m.jsonl")
        assert {*rows_of((tmp_path / "m.jsonl").read_bytes())} == {*names}


def test_the_library_writes_it_too(tmp_path: Path) -> None:
    photos = tree(tmp_path / "photos", "a.jpg")
    make_thumbnails(photos, manifest=tmp_path / "m.jsonl")
    assert [*rows_of((tmp_path / "m.jsonl").read_bytes())] == ["a.jpg"]
    (tmp_path / "m.jsonl").write_text("of the user")
    with pytest.raises(OutputError, match="is in the way"):
        make_thumbnails(photos, manifest=str(tmp_path / "m.jsonl"))
    with pytest.raises(ConfigError, match="manifest: is empty"):
        make_thumbnails(photos, manifest="")


@pytest.mark.extra
@pytest.mark.parametrize("is_first", [True, False])
def test_runs_that_end_at_the_same_time_lose_no_line(
    storage: Storage, tmp_path: Path, is_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each merges what the others have put since it has read it."""
    photos_in(storage, tmp_path, *(f"photos/{number}.jpg" for number in range(12)))

    def run(number: int) -> None:
        make(
            f"{storage.url}/photos",
            *("--output", f"{storage.url}/small", "--manifest", f"{storage.url}/m.jsonl"),
            *("--shard", f"{number}/3"),
        )

    if not is_first:
        run(3)
    write, others = BucketDocument.write, [1]

    def outrun(document: BucketDocument, data: bytes) -> bool:
        while others:
            run(others.pop())
        return write(document, data)

    monkeypatch.setattr(BucketDocument, "write", outrun)
    run(2)
    run(3)
    assert len(rows_of(storage.get("m.jsonl"))) == 12


@pytest.mark.extra
def test_it_is_put_on_any_server(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, *(f"photos/{name}" for name in NAMES))
    settled()
    place = f"{cloud.url}/thumbs/manifest.jsonl"
    options: Any = {"output": f"{cloud.url}/thumbs", "manifest": place, **cloud.settings}
    found = []
    for _ in range(2):
        make_thumbnails(f"{cloud.url}/photos", **options)
        settled()
        found.append(cloud.get("thumbs/manifest.jsonl"))
    assert found[0] == found[1]
    assert [*rows_of(found[0])] == sorted(NAMES)
    make_thumbnails(f"{cloud.url}/photos", size=32, **options)
    rows = rows_of(cloud.get("thumbs/manifest.jsonl")).values()
    assert {one["width"] for row in rows for one in row["thumbnails"]} == {32}


@pytest.mark.extra
def test_status_counts_it_as_no_thumbnail(storage: Storage, tmp_path: Path) -> None:
    places = places_of("disk-bucket", storage, tmp_path)
    places.put(*NAMES)
    made(places)
    counts = json.loads(thumbnailer("status", *places.arguments, "--json").out)
    assert (counts["orphaned"], counts["unknown"], counts["thumbnails"]) == (0, 0, 4)
    thumbnailer("clean", *places.arguments, "--yes")
    assert places.thumbs.names() == ["manifest.jsonl"]
