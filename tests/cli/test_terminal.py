"""`thumbnailer make` on a terminal, whatever that can do."""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from pathlib import Path

import pytest
from PIL import Image
from support.marks import posix_only
from support.pictures import picture, tree
from support.program import in_a_process, make, thumbnailer
from support.slow_disk import on_slow_disk
from support.terminal import Session, on_terminal


@pytest.fixture
def holiday(photos: Path) -> Path:
    """Thirty pictures, some in a folder with a long name in wide characters, and a broken one."""
    tree(photos, *(f"{number}.jpg" for number in range(20)))
    tree(photos / ("\u5199\u771f" * 20), *(f"{number}.jpg" for number in range(10)))
    (photos / "broken.jpg").write_bytes(b"")
    return photos


def bars(session: Session) -> list[str]:
    return [frame for frame in session.frames if "/31" in frame]


def width(text: str) -> int:
    """In columns (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


@pytest.mark.parametrize("columns", [100, 0])
def test_a_bar_shows_how_far_how_fast_what_failed_and_where(holiday: Path, columns: int) -> None:
    session = on_terminal("make", "--force", holiday, columns=columns)
    last = bars(session)[-1]
    assert session.code == 3
    assert "%|" in last
    assert "1 failed" in last
    assert "pictures/s" in last
    assert any("kB/s" in frame for frame in bars(session))
    assert any("photos" in frame or "\u771f" in frame for frame in bars(session))
    assert f"failed: {holiday}/broken.jpg: is empty" in session.shown
    assert session.out.startswith("31 found, 30 made, 0 current, 1 failed in ")


@pytest.mark.parametrize("columns", [120, 80, 60, 40, 20])
@pytest.mark.few(1)
def test_a_bar_fits_its_terminal(holiday: Path, columns: int) -> None:
    shown = bars(on_terminal("make", holiday, columns=columns))
    assert shown
    assert max(width(frame.rstrip()) for frame in shown) <= columns
    assert all(re.search(r"\|.{5,}\|", frame) for frame in shown), "words leave room for a bar"
    if columns >= 40:
        assert any("1 failed" in frame for frame in shown)


@pytest.mark.parametrize(
    ("options", "term"), [([], "dumb"), (["--quiet"], "xterm"), (["--json"], "xterm")]
)
@pytest.mark.few(1)
def test_there_is_no_bar_where_none_can_be_drawn_or_is_wanted(
    holiday: Path, options: list[str], term: str
) -> None:
    session = on_terminal("make", holiday, *options, TERM=term)
    assert not bars(session)
    assert "\r" not in session.shown.replace("\r\n", "")


@pytest.fixture
def two_folders(photos: Path) -> Path:
    """Three pictures, and one in a folder that comes after them."""
    tree(photos, "a/0.jpg", "a/1.jpg", "a/2.jpg", "z/last.jpg")
    return photos


PATIENCE = "thumbnailer.cli.output.progress_bar._PATIENCE_SECONDS"
REDRAW = "thumbnailer.cli.terminal._REDRAW_EVERY"


def work_long(
    command: str, photos: Path, *options: str, bar: str, patience_seconds: float = 5
) -> Session:
    """A command whose disk does not answer for the last folder until a bar is shown.

    After so long with nothing that moves, the bar says what is waited for.
    """
    held = photos.parent / "held"
    held.touch()
    slow = on_slow_disk(held, photos / "z", {PATIENCE: patience_seconds})
    once = (f"\r{bar} *\r", held.unlink)
    return on_terminal(command, photos, *options, program=slow, once=once, out_too=True)


@pytest.mark.parametrize(
    ("command", "bar", "line"),
    [
        ("make", "0", "4 found, 4 made, 0 current in .*"),
        ("gallery", "3, .*/a", ".*: 4 pictures, 2 folders"),
        ("verify", "0", "4 thumbnails, 4 whole in .*"),
        ("status", "3, .*/a", "pictures .* 4"),
        ("prune", "1, .*/a/thumbs", "4 thumbnails, 0 orphaned, 0 removed in .*"),
        ("clean --yes", "1, .*/a/thumbs", "4 thumbnails in 2 folders, .*"),
    ],
)
@pytest.mark.few(1)
def test_long_work_has_a_bar_of_which_nothing_is_left(
    two_folders: Path, command: str, bar: str, line: str
) -> None:
    name, *options = command.split()
    if name != "make":
        thumbnailer("make", two_folders)
    session = work_long(name, two_folders, *options, bar=bar)
    assert session.code == 0
    assert re.fullmatch(line, session.screen[0])


def test_an_error_stands_where_the_bar_was(two_folders: Path) -> None:
    thumbnailer("make", two_folders)
    for picture_path in (two_folders / "a").glob("*.jpg"):
        picture_path.unlink()
    session = work_long("prune", two_folders, bar="1, .*/a/thumbs")
    assert session.code == 1
    assert session.screen[0].startswith("thumbnailer: 3 of 4 thumbnails have no source")


@pytest.mark.parametrize("command", ["make", "gallery", "verify", "status"])
@pytest.mark.few(1)
def test_a_bar_says_which_folder_does_not_answer(two_folders: Path, command: str) -> None:
    if command != "make":
        thumbnailer("make", two_folders)
    told = r"[03], waiting for the disk: nothing read from .*/z for \d+ s"
    session = work_long(command, two_folders, bar=told, patience_seconds=0.2)
    assert session.code == 0
    assert not any("waiting" in line for line in session.screen)


def impatient(photos: Path) -> list[str]:
    """The program that says after an instant what it waits for, and says it often."""
    return on_slow_disk(photos / "nothing", photos, {PATIENCE: 0.2, REDRAW: 1})


@pytest.mark.parametrize("columns", [100, 50])
@pytest.mark.few(1)
def test_a_bar_says_which_picture_takes_long(photos: Path, columns: int) -> None:
    large = Image.new("L", (14000, 14000))
    large.save(photos / "a picture with a long name.png", compress_level=1)
    takes_long = "--size", "6000", "--format", "webp"  # three seconds
    program = impatient(photos)
    session = on_terminal(
        "make", photos, *takes_long, program=program, columns=columns, out_too=True
    )
    assert session.code == 0
    frames = [frame for frame in session.frames if "waiting" in frame]
    told = r"0/1, waiting for (a|\.\.\.).*name.png \(.* kB, \d+ s\) *"
    assert any(re.fullmatch(told, frame) for frame in frames)
    assert max(width(frame.rstrip()) for frame in frames) <= columns
    assert not any("waiting" in line for line in session.screen)


def test_a_bar_says_that_a_picture_waits_for_the_memory_of_another(photos: Path) -> None:
    photos.mkdir(exist_ok=True)
    for name in ("a.png", "b.png"):
        Image.new("L", (14000, 14000)).save(photos / name, compress_level=1)
    options = "--jobs", "2", "--memory", "200"
    session = on_terminal("make", photos, *options, program=impatient(photos), out_too=True)
    assert session.code == 0
    told = r"0/2, waiting for memory: 1 picture until [ab]\.png is ready \(.* kB, \d+ s\) *"
    assert any(re.fullmatch(told, frame) for frame in session.frames)


@posix_only
def test_a_bar_says_that_a_list_goes_on(photos: Path) -> None:
    picture(photos / "a.jpg")
    os.mkfifo(photos / "list")
    writer = os.open(photos / "list", os.O_RDWR)
    os.write(writer, b"a.jpg\n")
    told = r"\r1, waiting for more paths \(\d+ s\)"
    session = on_terminal(
        *("make", "--files-from", "list"),
        program=impatient(photos),
        once=(told, lambda: os.close(writer)),
        out_too=True,
        cwd=photos,
    )
    assert session.screen[0].startswith("1 found, 1 made")


@pytest.mark.parametrize("command", ["make", "gallery", "verify", "status", "prune", "clean"])
@pytest.mark.few(1)
def test_there_is_no_bar_where_a_pager_may_have_the_screen(two_folders: Path, command: str) -> None:
    held = two_folders.parent / "held"
    held.touch()
    slow = on_slow_disk(held, two_folders / "z", {})
    threading.Timer(1.5, held.unlink).start()  # there is nothing to be seen to wait for
    session = on_terminal(command, two_folders, program=slow, out_piped=True)
    assert "\r" not in session.shown.replace("\r\n", "")


RED, YELLOW, PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[39m"


def test_what_failed_is_red_and_what_is_to_be_noted_yellow(holiday: Path) -> None:
    (holiday / "pipe.jpg").symlink_to("nothing")
    cut = picture(holiday / "cut.jpg", (300, 300))
    cut.write_bytes(cut.read_bytes()[:-300])
    session = on_terminal("make", holiday, "--truncated", "keep", "--exclude", "no", out_too=True)
    assert f"{RED}failed:{PLAIN} {holiday}/broken.jpg: is empty" in session.sent
    assert f"{YELLOW}skipped:{PLAIN} {holiday}/pipe.jpg: is a link to nothing" in session.sent
    assert f"{YELLOW}made:{PLAIN} {holiday}/cut.jpg: truncated" in session.sent
    assert f"{YELLOW}--exclude 'no' matched nothing{PLAIN}" in session.sent
    assert f", {RED}1 failed{PLAIN} in " in session.sent
    assert f"{RED}thumbnailer:{PLAIN} no: no such file" in on_terminal("make", "no").sent
    assert f"{RED}thumbnailer make:{PLAIN} " in on_terminal("make", "--no-such").sent


@pytest.mark.parametrize(("no_color", "term"), [("1", "xterm"), ("0", "xterm"), ("", "dumb")])
@pytest.mark.few(1)
def test_nothing_is_coloured_where_nobody_wants_it(holiday: Path, no_color: str, term: str) -> None:
    session = on_terminal("make", holiday, out_too=True, NO_COLOR=no_color, TERM=term)
    assert "\x1b" not in session.sent


def test_only_a_terminal_gets_colours(holiday: Path) -> None:
    session = on_terminal("make", "--verbose", holiday)
    assert RED in session.sent
    assert "\x1b" not in session.out
    assert "1 failed" in session.out
    assert "\x1b" not in in_a_process("make", holiday, FORCE_COLOR="1", TERM="xterm").err
    assert "\x1b" not in on_terminal("make", "--json", holiday, out_too=True).sent


def test_a_name_brings_no_colours_of_its_own(photos: Path) -> None:
    (photos / "\x1b[32mfine\x1b[0m.jpg").write_bytes(b"")
    session = on_terminal("make", photos, out_too=True)
    assert set(re.findall(r"\x1b[^m]*m", session.sent)) == {RED, PLAIN}
    assert r"\x1b[32mfine" in session.sent


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252"])
@pytest.mark.few(1)
def test_an_old_console_gets_what_it_can_show(holiday: Path, encoding: str) -> None:
    session = on_terminal("make", holiday, columns=80, PYTHONIOENCODING=encoding)
    assert session.code == 3
    assert bars(session)
    assert session.shown.isascii()
    assert max(len(frame.rstrip()) for frame in bars(session)) <= 80
    assert in_a_process("make", holiday, PYTHONIOENCODING=encoding).code == 3
    assert in_a_process("make", "--help", PYTHONIOENCODING=encoding).code == 0


def test_a_report_follows_where_a_person_reads(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    for name, length in (("x.jpg", 300), ("y.jpg", 500), ("z.jpg", 700)):
        cut = picture(photos / name, (300, 300))
        cut.write_bytes(cut.read_bytes()[:-length])
    (photos / "notes.png").write_text("text")
    shown = on_terminal("make", photos, out_too=True).shown
    report = shown[shown.rindex("8 found, 4 made, 0 current, 4 failed in ") :].splitlines()
    assert len(report) == 7
    assert report[1].startswith("  ")
    assert "pictures/s, " in report[1]
    assert " read at " in report[1]
    assert report[1].endswith(" of thumbnails")
    assert report[2].startswith("  failed: 3 truncated (")
    assert report[3] == "  failed: 1 is text, no picture (notes.png)"
    assert [line.split(": ")[0].strip() for line in report[4:]] == ["slowest"] * 3
    verbose = thumbnailer("make", "-v", "--force", photos).out.splitlines()
    assert verbose[-7].startswith("8 found")
    assert verbose[-4] == report[3]


def test_a_person_is_told_where_the_thumbnails_are(photos: Path, tmp_path: Path) -> None:
    picture(photos / "a.jpg")
    first = " s, in {}\n"

    def told(*arguments: str | Path) -> str:
        return on_terminal("make", *arguments, out_too=True).shown.replace("\r\n", "\n")

    assert first.format(f"{photos}/thumbs") in told(photos)
    assert ", in " not in told(photos), "there was nothing to do"
    tree(photos, "sub/b.jpg", "sub/c.jpg", "other/d.jpg")
    assert first.format(f"2 thumbs folders below {photos}") in told(photos)
    assert first.format("3 thumbs folders") in told("--force", photos, photos / "sub")
    assert first.format(tmp_path / "out") in told(photos, "--output", tmp_path / "out")


def test_what_is_left_over_is_told_with_what_removes_it(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    thumbnailer("make", photos)
    (photos / "a.jpg").unlink()
    assert thumbnailer("make", photos).out.splitlines()[1:] == ["  1 orphaned: thumbnailer prune"]
    done = thumbnailer("make", photos, "--format", "webp")
    assert done.out.splitlines()[1:] == [
        "  2 of other settings, 1 orphaned: thumbnailer prune --stale, with the options of this run"
    ]
    assert thumbnailer("make", photos, "--quiet").out == ""
    assert make(photos).summary["left_over"] == {"of other settings": 2, "orphaned": 1}


def test_a_script_gets_one_line(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    assert len(thumbnailer("make", photos).out.splitlines()) == 1
    assert on_terminal("make", "--quiet", "--force", photos, out_too=True).shown == ""


def test_json_has_the_same_facts(photos: Path) -> None:
    sizes = [picture(photos / name).stat().st_size for name in ("a.jpg", "b.jpg")]
    for number in range(5):
        (photos / f"{number}.png").write_text("text")
    run = make(photos)
    made = [row["thumbnails"][0]["bytes"] for row in run.rows if row["thumbnails"]]
    assert run.summary["source_bytes"] == sum(sizes) + 5 * len("text")
    assert run.summary["thumbnail_bytes"] == sum(made)
    (reason,) = run.summary["reasons"]
    assert len(reason.pop("sources")) == 3
    assert reason == {"status": "failed", "reason": "is text, no picture", "count": 5}
    times = {row["source"]: row["seconds"] for row in run.rows}
    slowest = sorted(times, key=lambda source: -times[source])[:3]
    assert [one["source"] for one in run.summary["slowest"]] == slowest
    again = make(photos).summary
    assert (again["source_bytes"], again["slowest"]) == (0, [])
    assert again["reasons"][0]["count"] == 5, "what failed before is of the same kind"
