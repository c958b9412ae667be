"""Files without an ending: only their content tells whether they are pictures."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.pictures import files_below, picture, snapshot
from support.program import Run, make, remove, thumbnailer
from support.uploads import OTHERS, SKIPPED, uploads_in, without_ending
from support.watching import await_event, of_source, rows, soon, watching

from thumbnailer import explain, make_thumbnails, prune, status, verify


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    return uploads_in(tmp_path / "uploads")


def by_content(folder: Path, *options: str | Path) -> Run:
    return make(folder, "--by-content", *options)


def test_they_are_left_out_and_counted(uploads: Path) -> None:
    run = make(uploads)
    assert run.statuses == {"named.jpg": "made"}
    assert run.summary["left_out"] == {"without an ending": 9}
    assert make_thumbnails(uploads).left_out == {"without an ending": 9}
    line = "9 files without an ending were left out (--by-content takes those that are pictures)\n"
    assert line in thumbnailer("make", uploads).out
    assert "without an ending" not in thumbnailer("make", "--quiet", uploads).out
    assert "  1 file without an ending was left out" in thumbnailer("make", uploads / "ab").out


@pytest.mark.parametrize(
    "name",
    [
        *("Makefile", "LICENSE", "README", "Dockerfile", ".thumbnailer", ".DS_Store", ".hidden"),
        *("notes.txt", "a.", "SYNOFILE_THUMB_M", "@eaDir/x", "node_modules/x", ".git/HEAD"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--by-content"]])
def test_what_is_of_no_use_is_neither_counted_nor_taken(
    uploads: Path, name: str, options: list[str]
) -> None:
    (uploads / "ab" / name).parent.mkdir(exist_ok=True)
    without_ending(uploads / "ab" / "there")
    shutil.copy(uploads / "xtapjj", uploads / "ab" / name)
    run = make(uploads / "ab", *options)
    assert run.summary["found"] == (2 if options else 0)
    assert run.summary["left_out"].get("without an ending", 0) == (0 if options else 2)


def test_names_that_begin_with_a_dot_are_none_of_them(uploads: Path) -> None:
    """Even if they are named: what lies beside pictures in such files is hardly ever one."""
    shutil.copy(uploads / "xtapjj", uploads / ".hidden")
    assert by_content(uploads, "--include", ".*").statuses == {}
    assert by_content(uploads).summary["left_out"] == {}


def test_only_what_would_be_taken_is_counted(uploads: Path) -> None:
    def left_out(**choice: Any) -> int:
        return make_thumbnails(uploads, **choice).left_out.get("without an ending", 0)

    assert left_out(recursive=False) == 8
    assert left_out(exclude=("ab", "text")) == 7
    assert left_out(include=("*.jpg",)) == 0
    assert left_out(by_content=True) == 0


def test_pictures_are_made_and_what_is_none_is_skipped(uploads: Path) -> None:
    run = by_content(uploads)
    pictures = {"xtapjj": "made", "abcd": "made", "named.jpg": "made"}
    assert run.statuses == pictures | SKIPPED
    assert run.code == 0
    counts = {"found": 10, "made": 3, "current": 0, "skipped": 7, "failed": 0}
    assert {name: run.summary[name] for name in counts} == counts
    reasons = {os.path.basename(row["source"]): row["error"] for row in run.rows if row["error"]}
    for name, (_, reason) in OTHERS.items():
        assert reasons[name]["stage"] == "content"
        assert reasons[name]["reason"].startswith(reason)
    made = {"thumbs/xtapjj.jpg", "thumbs/named.jpg", "ab/cd/thumbs/abcd.jpg"}
    assert {name for name in files_below(uploads) if "thumbs" in name} == made


def test_a_second_run_opens_nothing(uploads: Path) -> None:
    before = {row["source"]: row["error"] for row in by_content(uploads).rows}
    run = by_content(uploads)
    current = {"xtapjj": "current", "abcd": "current", "named.jpg": "current"}
    assert run.statuses == current | SKIPPED
    assert run.code == 0
    assert run.summary["source_bytes"] == 0
    assert {row["source"]: row["error"] for row in run.rows} == before
    assert all(row["seconds"] == 0 for row in run.rows)
    tried = by_content(uploads, "--retry-failed")
    assert tried.statuses == run.statuses
    assert tried.summary["source_bytes"] > 0


def test_a_broken_picture_fails_as_others_do(uploads: Path) -> None:
    (uploads / "cut").write_bytes((uploads / "xtapjj").read_bytes()[:700])
    (uploads / "header").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(80))
    run = by_content(uploads)
    assert (run.statuses["cut"], run.statuses["header"]) == ("failed", "failed")
    assert (run.code, run.summary["failed"]) == (3, 2)
    again = by_content(uploads)
    assert (again.code, again.summary["failed"], again.summary["skipped"]) == (3, 2, 7)


def test_what_changes_is_looked_at_again(uploads: Path) -> None:
    by_content(uploads)
    shutil.copy(uploads / "xtapjj", uploads / "text")
    picture(uploads / "new.jpg", (64, 64)).replace(uploads / "xtapjj")
    (uploads / "ab/cd/abcd").write_text("no longer a picture")
    statuses = by_content(uploads).statuses
    assert statuses == {
        **SKIPPED,
        "text": "made",
        "xtapjj": "made",
        "abcd": "skipped",
        "named.jpg": "current",
    }
    with Image.open(uploads / "thumbs" / "xtapjj.jpg") as thumbnail:
        assert thumbnail.size == (64, 64)


def test_formats_that_are_asked_for_are_taken(uploads: Path) -> None:
    picture(uploads / "icon.ico", (32, 32)).rename(uploads / "icon")
    by_content(uploads)
    run = by_content(uploads, "--also", "ico,psd")
    assert run.statuses["icon"] == "made"
    assert run.statuses["photoshop"] == "failed", "it begins like a picture, but is broken"


def test_globs_hold_for_them(uploads: Path) -> None:
    run = by_content(uploads, "--include", "x*", "--include", "*.jpg", "--exclude", "named*")
    assert run.statuses == {"xtapjj": "made"}
    assert by_content(uploads, "--exclude", "ab", "--no-recursive").statuses == {
        **SKIPPED,
        "xtapjj": "current",
        "named.jpg": "made",
    }


def test_a_file_that_is_named_fails_if_it_is_no_picture(uploads: Path) -> None:
    """Whoever names it says that it is one; with `--by-content` the content is asked."""
    assert make(uploads / "text").statuses == {"text": "failed"}
    assert by_content(uploads / "text").statuses == {"text": "skipped"}
    assert make(uploads / "text").statuses == {"text": "failed"}
    assert make(uploads / "xtapjj").statuses == {"xtapjj": "made"}
    assert by_content(uploads).statuses["xtapjj"] == "current"


def test_a_picture_with_an_ending_has_its_thumbnail_s_name(uploads: Path) -> None:
    picture(uploads / "text.jpg")
    for expected in ("made", "current"):
        run = by_content(uploads)
        assert (run.statuses["text.jpg"], run.statuses["text"]) == (expected, "skipped")
    picture(uploads / "film.jpg")  # later than the other, whose attempt holds no name
    run = by_content(uploads)
    assert (run.statuses["film.jpg"], run.statuses["film"]) == ("made", "skipped")
    assert run.code == 0


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], {"xtapjj.jpg"}),
        (["--format", "webp"], {"xtapjj.webp"}),
        (["--format", "auto"], {"xtapjj.png"}),
        (["--size", "20", "--size", "30"], {"20/xtapjj.jpg", "30/xtapjj.jpg"}),
        (["--name", "{stem}_{ext}{size}", "--size", "20"], {"xtapjj_20.jpg"}),
    ],
)
def test_their_thumbnails_are_looked_after(
    tmp_path: Path, options: list[str], names: set[str]
) -> None:
    photos, thumbs = tmp_path / "photos", tmp_path / "thumbs"
    photos.mkdir()
    Image.new("RGBA", (90, 60), (255, 0, 0, 90)).save(photos / "xtapjj", "png")
    (photos / "text").write_text("text")
    places: tuple[Any, ...] = photos, "--output", thumbs, *options
    assert by_content(*places).statuses == {"xtapjj": "made", "text": "skipped"}
    assert files_below(thumbs) == names
    before = snapshot(thumbs)
    assert by_content(*places).statuses == {"xtapjj": "current", "text": "skipped"}
    assert snapshot(thumbs) == before
    picture(tmp_path / "b.jpg", (40, 90)).replace(photos / "xtapjj")
    assert by_content(*places).statuses == {"xtapjj": "made", "text": "skipped"}
    assert remove("prune", "--by-content", *places).summary["removed"] == 0
    (photos / "xtapjj").unlink()
    assert remove("prune", "--by-content", "--yes", *places).summary["removed"] == len(names)
    assert files_below(thumbs) == set()


def test_status_verify_and_explain_say_skipped(uploads: Path) -> None:
    assert status(uploads, by_content=True).missing == 10
    make_thumbnails(uploads, by_content=True, size=["20", "30"])
    report = status(uploads, by_content=True, size=["20", "30"])
    assert (report.pictures, report.current, report.missing) == (10, 6, 0)
    assert (report.skipped, report.failed) == (7, 0)
    checked = verify(uploads, by_content=True, size=["20", "30"])
    assert (checked.whole, checked.skipped, checked.is_well) == (6, 7, True)
    explained = explain(uploads / "text", root=uploads, by_content=True, size=["20", "30"])
    assert {one.state for one in explained.thumbnails} == {"skipped"}
    assert {one.reason for one in explained.thumbnails} == {"is text, no picture"}


def test_verify_makes_what_is_a_picture(uploads: Path) -> None:
    report = verify(uploads, by_content=True, fix=True)
    assert (report.fixed, report.skipped, report.is_well) == (3, 7, True)


def test_prune_and_clean_leave_the_files_alone(uploads: Path) -> None:
    by_content(uploads)
    before = {name for name in files_below(uploads) if "thumbs" not in name}
    assert prune(uploads, by_content=True).removals == ()
    assert remove("clean", "--yes", uploads).summary["removed"] > 2
    assert files_below(uploads) == before


def test_the_gallery_shows_pictures_only(uploads: Path) -> None:
    by_content(uploads)
    run = thumbnailer("gallery", "--by-content", uploads)
    assert "3 pictures" in run.out
    page = (uploads / "thumbs" / "index.html").read_text("utf-8")
    assert "xtapjj" in page
    assert "is text, no picture" not in page


def test_the_desktop_s_cache_remembers_them(uploads: Path, tmp_path: Path) -> None:
    place = "--layout", "freedesktop", "--output", tmp_path / "cache"
    assert by_content(uploads, *place).statuses["text"] == "skipped"
    run = by_content(uploads, *place)
    assert run.statuses["text"] == "skipped"
    assert run.statuses["xtapjj"] == "current"
    assert all(row["seconds"] == 0 for row in run.rows)


def test_a_dry_run_takes_all_for_pictures(uploads: Path) -> None:
    run = thumbnailer("make", uploads, "--by-content", "--dry-run")
    assert "10 found, 0 made, 0 current, 10 would be made" in run.out


def test_a_watch_takes_those_that_arrive(uploads: Path, tmp_path: Path) -> None:
    by_content(uploads)
    new = without_ending(tmp_path / "new")
    with watching("--by-content", uploads) as watch:
        await_event(watch, "ready")
        assert [row for row in rows(watch) if row.get("status")] == [], "what is known is not told"
        shutil.copy(new, uploads / "arrived")
        shutil.copy(uploads / "text", uploads / "letter")
        soon(watch, lambda: of_source(watch, uploads / "arrived") == ["made"])
        soon(watch, lambda: of_source(watch, uploads / "letter") == ["skipped"])
        (uploads / "arrived").unlink()
        soon(watch, lambda: of_source(watch, uploads / "arrived") == ["made", "removed"])
        assert not (uploads / "thumbs" / "arrived.jpg").exists()


def test_a_watch_tells_how_many_it_leaves_out(uploads: Path) -> None:
    with watching(uploads) as watch:
        soon(watch, lambda: "9 files without an ending were left out" in watch.printed())
