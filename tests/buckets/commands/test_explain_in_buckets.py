"""`thumbnailer explain` for pictures and thumbnails in object storage: as on a disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.flaky_proxy import interfering
from support.pictures import picture
from support.program import Run, make, thumbnailer
from support.s3_server import Storage, photos_in, settled, statuses

from thumbnailer import Settings, explain

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra


def state(*arguments: str | Path) -> tuple[str, str]:
    run = thumbnailer("explain", "--json", *arguments)
    assert run.err == ""
    (thumbnail,) = json.loads(run.out)["thumbnails"]
    return thumbnail["state"], thumbnail["reason"]


def refusal(run: Run) -> tuple[int, str]:
    """Exit code and message of a run that has printed nothing else."""
    assert run.out == ""
    assert run.err.count("\n") == 1
    return run.code, run.err.strip().removeprefix("thumbnailer: ")


def into(storage: Storage) -> list[str]:
    return ["--in", f"{storage.url}/photos", "--output", f"{storage.url}/thumbs"]


def test_a_picture_in_a_bucket_is_explained_as_on_a_disk(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/2024/a.jpg")
    source = f"{storage.url}/photos/2024/a.jpg"
    with storage.counted() as count:
        run = thumbnailer("explain", source, *into(storage), "--size", "32")
    here = tmp_path / "pictures" / "photos"
    on_disk = thumbnailer(
        *("explain", here / "2024" / "a.jpg", "--size", "32"),
        *("--in", here, "--output", tmp_path / "thumbs"),
    )
    assert run.code == on_disk.code == 0
    expected = on_disk.out.replace(str(here), f"{storage.url}/photos")
    assert run.out == expected.replace(str(tmp_path / "thumbs"), f"{storage.url}/thumbs")
    assert run.out.endswith(
        f"{storage.url}/thumbs/2024/a.jpg: contain, jpeg 80, 32 x 21 px\n"
        "    missing: has not been made\n"
    )
    assert (count["GET"], count["PUT"], count["PUT mark"]) == (1, 0, 0)
    assert storage.keys("thumbs/") == []


@pytest.mark.parametrize("places", ["disk to bucket", "bucket to bucket", "bucket to disk"])
def test_the_state_of_its_thumbnail_is_known(storage: Storage, tmp_path: Path, places: str) -> None:
    photos_in(storage, tmp_path, "photos/2024/a.jpg", "photos/b.jpg")
    settled()
    photos, thumbs = f"{storage.url}/photos", f"{storage.url}/thumbs"
    if places.startswith("disk"):
        photos = str(tmp_path / "pictures" / "photos")
    if places.endswith("disk"):
        thumbs = str(tmp_path / "thumbs")
    where = [f"{photos}/2024/a.jpg", "--in", photos, "--output", thumbs]
    assert state(*where) == ("missing", "has not been made")
    statuses(photos, thumbs)
    assert state(*where) == ("current", "")
    changed = "was made with other settings, or by another version"
    assert state(*where, "--size", "64") == ("stale", changed)


def test_what_can_not_be_read_is_told_of(storage: Storage) -> None:
    storage.put("photos/a.jpg", b"some text")
    storage.put("photos/b.jpg", b"")
    settled()
    statuses(f"{storage.url}/photos", f"{storage.url}/thumbs")
    run = thumbnailer("explain", f"{storage.url}/photos/a.jpg", *into(storage))
    assert run.code == 3
    assert "can't be read (open): is text, no picture" in run.out
    assert "failed: is text, no picture (failed before and has not changed since)" in run.out
    run = thumbnailer("explain", f"{storage.url}/photos/b.jpg", *into(storage))
    assert run.code == 3
    assert "can't be read (open): is empty" in run.out


def test_what_is_too_large_is_not_fetched(storage: Storage) -> None:
    storage.put("photos/a.jpg", bytes((16 << 20) + 1))
    with storage.counted() as count:
        run = thumbnailer(
            *("explain", f"{storage.url}/photos/a.jpg", *into(storage)),
            *("--worker-memory", "64"),
        )
    assert run.code == 3
    assert "can't be read (limits): 16 MiB of data, more than the limit of 16" in run.out
    assert count["GET"] == 0


def test_what_is_no_picture_there_is_one_line(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/2024/a.jpg", "others/b.jpg")
    settled()
    photos, thumbs = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(photos, thumbs)

    def said(inner: str, *options: str) -> tuple[int, str]:
        where = options or ("--output", thumbs)
        return refusal(thumbnailer("explain", f"{storage.url}/{inner}", *where))

    assert said("photos/2024/none.jpg") == (1, f"{photos}/2024/none.jpg: is not there")
    assert said("none") == (1, f"{storage.url}/none: nothing is there")
    for prefix in ("photos/2024", "photos/2024/"):
        why = "is a folder; explain takes pictures"
        assert said(prefix) == (2, f"{storage.url}/{prefix}: {why}")
    missed = 2, f"{storage.url}/others/b.jpg: is not taken from {photos}"
    assert said("others/b.jpg", *into(storage)) == missed
    excluded = 2, f"{photos}/2024/a.jpg: is not taken from {photos}"
    assert said("photos/2024/a.jpg", *into(storage), "--exclude", "2024/**") == excluded
    ours = 2, f"{thumbs}/2024/a.jpg: is thumbnailer's own, no picture of yours"
    assert said("thumbs/2024/a.jpg") == ours
    code, message = said("photos/2024/a.jpg", "--size", "32")
    assert code == 2
    assert "need an output" in message


def test_an_object_without_an_ending_is_asked_for_by_content(
    storage: Storage, tmp_path: Path
) -> None:
    storage.put("uploads/8f3a", picture(tmp_path / "a.png").read_bytes())
    where = ["--in", f"{storage.url}/uploads", "--output", f"{storage.url}/thumbs"]
    run = thumbnailer("explain", f"{storage.url}/uploads/8f3a", *where, "--by-content")
    assert run.code == 0
    assert "  PNG, 96 x 64 px, RGB\n" in run.out


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("denied", "access is denied (SignatureDoesNotMatch)"),
        ("expired", "the credentials have expired: renew them, and run the same again: it goes on"),
    ],
)
def test_wrong_credentials_are_one_line(
    storage: Storage, tmp_path: Path, mood: str, words: str
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    source = f"{storage.url}/photos/a.jpg"
    with interfering(storage.endpoint, lambda *_: mood) as endpoint:
        asked = "--endpoint", endpoint, "--output", f"{storage.url}/thumbs"
        run = thumbnailer("explain", source, *asked)
        assert refusal(run) == refusal(make(source, *asked)) == (1, f"{source}: {words}")


def test_a_program_gets_what_the_command_shows(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    found: Any = explain(
        f"{storage.url}/photos/a.jpg",
        Settings(output=f"{storage.url}/thumbs"),
        root=f"{storage.url}/photos",
    )
    assert found.description.size == (96, 64)
    assert [one.state for one in found.thumbnails] == ["missing"]
