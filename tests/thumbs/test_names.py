"""No two sources share a thumbnail."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.pictures import files_below, picture, tree
from support.program import make, thumbnailer

from thumbnailer import iter_thumbnails, make_thumbnails
from thumbnailer.formats import READ, WRITTEN
from thumbnailer.scan.selection import is_taken
from thumbnailer.thumbs.naming import casefolded, thumbnail_name

# Letters that differ only by case or composition for some, and everything else a name may hold.
ALPHABET = st.one_of(
    st.sampled_from("aAbB\u00df\u1e9e\u017fsS\u0131\u0130iI\u00e9\u00c9e\u0301\u03a9\u2126~."),
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
    st.integers(0x80, 0xFF).map(lambda byte: chr(0xDC00 + byte)),  # bytes that are no UTF-8
)
NAMES = st.builds(
    lambda stem, ending: stem + ending,
    st.text(ALPHABET, min_size=1, max_size=250),
    st.sampled_from(
        [*sorted(ending for one in READ for ending in one.read_endings), ".JPG", ".Png"]
    ),
).filter(lambda name: len(os.fsencode(name)) <= 255)


def same_to_some_disk(first: str, second: str) -> bool:
    """Whether HFS+, APFS or NTFS might take two names for one."""

    def key(name: str) -> str:
        return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())

    return key(first) == key(second)


@given(NAMES, st.sampled_from(sorted(WRITTEN)))
@example("a" * 251 + ".png", "jpeg")
@example("é" * 125 + ".webp", "jpeg")
def test_a_name_says_its_format_fits_any_disk_and_is_its_own_thumbnail_s(
    name: str, format: str
) -> None:
    thumbnail = thumbnail_name(name, format)
    assert len(os.fsencode(thumbnail)) <= 255
    assert os.path.splitext(thumbnail)[1].lower() in WRITTEN[format].endings
    assert thumbnail_name(thumbnail, format) == thumbnail


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True), st.sampled_from(sorted(WRITTEN)))
@example(["a" * 251 + ".png", "a" * 250 + "b.png"], "jpeg")
@example(["é" * 125 + ".gif", "é" * 124 + "aa.gif"], "jpeg")
def test_two_sources_share_a_name_only_if_one_is_called_like_the_other_s_thumbnail(
    names: list[str], format: str
) -> None:
    first, second = names
    if thumbnail_name(first, format) == thumbnail_name(second, format):
        assert first in (thumbnail_name(second, format), second) or second == thumbnail_name(
            first, format
        )


@given(NAMES, NAMES)
def test_folding_is_what_such_disks_do(first: str, second: str) -> None:
    assert (casefolded(first) == casefolded(second)) == same_to_some_disk(first, second)


@settings(max_examples=25, deadline=None)
@given(st.lists(NAMES, min_size=2, max_size=12, unique=True))
@example(["a.jpg", "A.jpg", "a.JPG", "a.png", "a.PNG"])
@example(["e\u0301.jpg", "\u00e9.jpg", "\u00c9.jpg"])
@example(["straße.png", "strasse.png", "STRASSE.png"])
@example(["x" * 251 + ".png", "X" * 251 + ".png", "x" * 251 + ".bmp"])
@pytest.mark.slow
def test_every_source_of_a_folder_has_a_thumbnail_of_its_own_on_any_disk(names: list[str]) -> None:
    base = Path(tempfile.mkdtemp())
    try:
        original = picture(base / "original.gif", (2, 2))
        photos = base / "photos"
        photos.mkdir()
        for name in names:
            if is_taken(name):
                os.link(original, photos / name)
        there = [name for name in os.listdir(photos) if os.path.splitext(name)[1]]
        report = make_thumbnails(photos, jobs=1)
        assert report.made + report.failed == report.found == len(there)
        assert all("is already the thumbnail of" in str(bad.error) for bad in report.failures)
        thumbnails = [name for name in os.listdir(photos / "thumbs") if name != ".thumbnailer"]
        assert len({casefolded(name) for name in thumbnails}) == len(thumbnails) == report.made
        assert make_thumbnails(photos).current == report.made
    finally:
        shutil.rmtree(base)


def test_the_ending_is_appended_where_it_changes(photos: Path) -> None:
    tree(photos, "a.jpg", "a.jpeg", "a.png", "a.webp", "b.PNG")
    make(photos)
    assert files_below(photos / "thumbs") == {
        "a.jpg",
        "a.jpeg",
        "a.png.jpg",
        "a.webp.jpg",
        "b.PNG.jpg",
    }


def test_where_two_still_collide_the_second_fails_and_names_both(photos: Path) -> None:
    tree(photos, "a.png", "a.png.jpg")
    for state in ("made", "current"):
        run = make(photos)
        assert run.code == 3
        assert run.statuses == {"a.png": state, "a.png.jpg": "failed"}
        reason = next(row["error"]["reason"] for row in run.rows if row["error"])
        assert f"{photos}/thumbs/a.png.jpg" in reason
        assert f"{photos}/a.png" in reason


@pytest.mark.slow
def test_a_name_stays_with_the_first_who_had_it_while_that_one_is_there(photos: Path) -> None:
    tree(photos, "a.png.jpg", "b.jpg")
    make(photos)
    picture(photos / "a.png")
    picture(photos / "B.jpg")
    run = make(photos)
    assert run.statuses["a.png"] == "failed"
    assert run.statuses["a.png.jpg"] == run.statuses["b.jpg"] == "current"
    assert run.statuses["B.jpg"] == "made"
    (photos / "a.png.jpg").unlink()
    assert make(photos).statuses["a.png"] == "made"


def test_a_link_keeps_its_name_while_what_it_leads_to_is_away(photos: Path, tmp_path: Path) -> None:
    """As on a disk that is not mounted for the moment."""
    disk = tmp_path / "disk"
    picture(disk / "x.png")
    (photos / "a.png").symlink_to(disk / "x.png")
    make(photos)
    thumbnail = photos / "thumbs" / "a.png.jpg"
    before = thumbnail.read_bytes()
    disk.rename(tmp_path / "away")
    picture(photos / "a.png.jpg", (50, 50))
    run = make(photos)
    assert run.statuses == {"a.png": "skipped", "a.png.jpg": "failed"}
    assert thumbnail.read_bytes() == before
    (tmp_path / "away").rename(disk)
    assert make(photos).statuses == {"a.png": "current", "a.png.jpg": "failed"}


@pytest.mark.parametrize("twins", [("IMG.jpg", "img.jpg"), ("caf\u00e9.jpg", "cafe\u0301.jpg")])
@pytest.mark.parametrize("goes", [0, 1])
def test_a_name_that_only_a_twin_made_necessary_goes_with_the_twin(
    photos: Path, twins: tuple[str, str], goes: int
) -> None:
    tree(photos, *twins)
    assert make(photos).summary["made"] == 2
    thumbs = photos / "thumbs"
    assert sum("~" in name for name in files_below(thumbs)) == 1
    (photos / twins[goes]).unlink()
    stays = twins[1 - goes]
    thumbnailer("prune", "--yes", photos)
    assert make(photos).summary["found"] == 1
    assert files_below(thumbs) == {stays}
    assert make(photos).statuses == {stays: "current"}
    assert thumbnailer("status", "--json", photos).rows == []


def test_a_name_that_a_killed_run_has_left_is_an_orphan(photos: Path) -> None:
    tree(photos, "IMG.jpg", "img.jpg")
    make(photos)
    thumbs = photos / "thumbs"
    (hashed,) = (name for name in os.listdir(thumbs) if "~" in name)
    lines = (thumbs / ".thumbnailer").read_bytes().splitlines(keepends=True)
    before = (thumbs / hashed).read_bytes()
    (line,) = (line for line in lines if b"~" in line)
    name = os.path.basename(json.loads(line)[1])
    (photos / ({"IMG.jpg", "img.jpg"} - {name}).pop()).unlink()
    thumbnailer("prune", "--yes", photos)
    make(photos)
    assert files_below(thumbs) == {name}
    (thumbs / hashed).write_bytes(before)
    with (thumbs / ".thumbnailer").open("ab") as ledger:
        ledger.write(line)
    assert json.loads(thumbnailer("status", "--json", photos).out)["orphaned"] == 1
    assert "1 removed" in thumbnailer("prune", photos).out
    assert files_below(thumbs) == {name}
    assert make(photos).statuses == {name: "current"}


def test_same_names_from_two_folders_collide_in_a_flat_output(tmp_path: Path) -> None:
    tree(tmp_path, "one/a.jpg", "two/a.jpg")
    run = make("one/a.jpg", "two/a.jpg", "-o", "out", cwd=tmp_path)
    assert sorted(row["status"] for row in run.rows) == ["failed", "made"]
    reason = next(row["error"]["reason"] for row in run.rows if row["error"])
    assert reason == "out/a.jpg is already the thumbnail of one/a.jpg"


def test_a_source_named_twice_is_made_once(photos: Path) -> None:
    """Of SOURCEs of the command line that overlap, `tests/scan/test_overlaps.py` says more."""
    tree(photos, "a.jpg", "b.jpg")
    (photos.parent / "link").symlink_to(photos)
    for paths in ([photos, photos / "a.jpg"], [photos / "a.jpg", photos / "." / "a.jpg", photos]):
        outcomes = list(iter_thumbnails(paths, force=True))
        twice = [outcome for outcome in outcomes if outcome.status == "skipped"]
        assert {str(outcome.error and outcome.error.reason) for outcome in twice} == {
            "was named twice"
        }
        assert len(outcomes) - len(twice) == 2
    outcomes = list(iter_thumbnails([photos, photos.parent / "link"], force=True))
    assert [outcome.status for outcome in outcomes].count("skipped") == 2


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
@pytest.mark.few(1)
def test_names_of_255_bytes(photos: Path, format: str) -> None:
    names = [
        letter * (255 - len(ending)) + ending for letter in "ab" for ending in (".jpg", ".bmp")
    ]
    tree(photos, *names)
    assert make(photos, "-f", format).summary["made"] == 4
    assert len(files_below(photos / "thumbs")) == 4
    assert make(photos, "-f", format).summary["current"] == 4
