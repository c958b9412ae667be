"""Whatever is done to a watched folder, its thumbnails are soon what a one-shot run would make."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path

import pytest
from support.marks import needs_proc
from support.pictures import picture
from support.processes import RESTRICTED, start
from support.program import THUMBNAILER, make
from support.watching import (
    WATCH,
    await_event,
    catches_up,
    events,
    failed,
    of_source,
    rows,
    shell,
    soon,
    starting_tree,
    stop,
    thumbnails,
    watching,
)

from thumbnailer.watcher.observer.events import FolderObserver

pytestmark = needs_proc

# What is done in the watched folder, line by line; after each line the watch has to catch up.
# What there is to begin with is in `starting_tree`.
OPERATIONS = {
    "copy": ["cp ../else/new.jpg ."],
    "copy with its time": ["cp -p ../else/new.jpg ."],
    "copy a folder": ["cp -r ../else/album ."],
    "rename in": ["mv ../else/new.jpg ."],
    "rename over": ["mv ../else/new.jpg a.jpg"],
    "rename a folder in": ["mv ../else/album ."],
    "rename a folder in and write there": ["mv ../else/album .; cp ../else/new.jpg album/inner"],
    "write there later": ["mv ../else/album .", "cp ../else/new.jpg album/inner"],
    "write, then rename": ["cp ../else/new.jpg .new.tmp; mv .new.tmp new.jpg"],
    "write, then rename over": ["cp ../else/new.jpg a.jpg~; mv a.jpg~ a.jpg"],
    "make folders and write": ["mkdir -p x/y/z; cp ../else/new.jpg x/y/z"],
    "make folders, write later": ["mkdir -p x/y/z", "cp ../else/new.jpg x/y/z"],
    "make folders, write slowly": [
        "for f in 1 2 3 4 5 6 7 8; do mkdir -p $f/x; cp ../else/new.jpg $f/x; sleep 0.05; done"
    ],
    "hard link": ["ln ../else/new.jpg ."],
    "link": ["ln -s ../else/new.jpg ."],
    "link to another": ["ln -s a.jpg link.jpg"],
    "link that changes": ["ln -s ../else/new.jpg .", "ln -sf ../else/large.jpg new.jpg"],
    "link to a folder": ["ln -s ../else/album .; cp ../else/new.jpg ."],
    "rewrite in place": ["cat ../else/new.jpg > a.jpg"],
    "rewrite again and again": [
        "for name in large new large new; do cp ../else/$name.jpg a.jpg; sleep 0.3; done"
    ],
    "overwrite a part": ["dd if=../else/new.jpg of=a.jpg conv=notrunc status=none"],
    "touch": ["touch a.jpg sub/c.jpg"],
    "touch with an old time": ["touch -d 2001-01-01 a.jpg"],
    "change of rights": ["chmod 600 a.jpg", "rm a.jpg"],
    "delete": ["rm a.jpg"],
    "delete all": ["rm -r *.jpg *.png sub"],
    "delete and write again": ["rm a.jpg", "cp ../else/new.jpg a.jpg"],
    "delete and write again at once": ["rm a.jpg; cp ../else/new.jpg a.jpg"],
    "write and delete at once": ["cp ../else/new.jpg .; rm new.jpg; cp ../else/large.jpg ."],
    "rename": ["mv a.jpg z.jpg"],
    "rename there and back": ["mv a.jpg z.jpg", "mv z.jpg a.jpg"],
    "rename to another format": ["mv b.png b.jpg"],
    "rename to other case": ["mv a.jpg A.JPG"],
    "rename to no picture": ["mv a.jpg a.txt", "mv a.txt a.jpg"],
    "rename one over another": ["mv a.jpg sub/c.jpg"],
    "swap": ["mv a.jpg x; mv sub/c.jpg a.jpg; mv x sub/c.jpg"],
    "rename out": ["mv a.jpg ../else", "mv ../else/a.jpg ."],
    "delete a folder": ["rm -r sub"],
    "delete a folder and make it again": ["rm -r sub; mkdir sub; cp ../else/new.jpg sub"],
    "write there after that": ["rm -r sub; mkdir sub", "cp ../else/new.jpg sub/c.jpg"],
    "rename a folder": ["mv sub other"],
    "rename a folder and write there": ["mv sub other; cp ../else/new.jpg other/deep"],
    "write to the renamed later": ["mv sub other", "cp ../else/new.jpg other/deep", "rm -r other"],
    "swap folders": ["mkdir two; cp ../else/*.jpg two", "mv sub x; mv two sub; mv x two"],
    "take a name over": ["mv sub x; mkdir sub", "cp ../else/new.jpg sub; cp ../else/new.jpg x"],
    "rename a folder out": ["mv sub ../else", "cp ../else/new.jpg ../else/sub; rm a.jpg"],
    "rename a folder into another": ["mv ../else/album .", "mv sub album/inner", "mv album sub"],
    "folder for a file": ["rm a.jpg; mkdir a.jpg; cp ../else/new.jpg a.jpg"],
    "file for a folder": ["mkdir e.jpg; cp ../else/*.jpg e.jpg", "rm -r e.jpg; cp ../else/*.jpg ."],
    "hidden folders": ["mkdir .x @eaDir; cp ../else/new.jpg .x; cp ../else/*.jpg @eaDir; rm a.jpg"],
    "unhide a folder": ["cp -r ../else/album .x", "mv .x x", "mv x .x"],
    "rsync": [
        "rsync -a ../else/album .",
        "cp ../else/new.jpg ../else/album; rsync -a ../else/album .",
    ],
    "rsync again": ["rsync -a ../else/album/ .", "rsync -a --delete --exclude thumbs ../else/ sub"],
    "rsync in place": ["rsync -a --inplace --whole-file ../else/large.jpg a.jpg"],
    "tar": ["tar xf ../else/album.tar"],
    "unzip": ["unzip -q ../else/album.zip"],
    "git checkout": [
        "git init -q .; git add *.* sub/*.jpg; git commit -qm one; git branch one",
        "git checkout -qb two; git rm -qr b.png sub; cp ../else/*.jpg .; cp ../else/new.jpg a.jpg;"
        "git add *.jpg; git commit -qm two",
        "git checkout -q one",
        "git checkout -q two",
    ],
    "odd names": [
        "for name in 'a b' -n \"it's\" '$x' '*' ä 🌄 '<&>' 'tab\t' 'line\nbreak' %s .dot; do"
        ' cp ../else/new.jpg "./$name.jpg"; done',
        'for f in ./*.jpg; do mv "$f" "${f%.jpg}\'.jpg"; done',
    ],
    "names that are not UTF-8": [
        'b=$(printf "\\377"); mkdir "$b"; cp ../else/new.jpg "$b/$b.jpg"',
        'b=$(printf "\\377"); mv "$b" x; cp ../else/large.jpg "x/$b.jpg"',
    ],
    "names of 255 bytes": [
        'n=$(printf %0251d 0); cp ../else/new.jpg "$n.jpg"; cp b.png "$n.png"; mkdir "${n}9999"',
        'n=$(printf %0251d 0); rm "$n.png"; mv "$n.jpg" "${n}9999"',
    ],
}


# Two seconds each: the others are left out of the quick suite.
EVERYDAY = {
    "copy",
    "rename in",
    "write, then rename",
    "rename",
    "delete a folder",
    "rsync",
    "touch",
}
QUICK = {"copy", "write, then rename", "delete a folder"}
# What tells polling apart from events; the rest is the same to it.
POLLED = {*EVERYDAY, "folder for a file", "file for a folder", "swap", "rsync again", "delete all"}
# What tells thumbnails in a tree of their own apart from those beside their sources: folders that
# come, go and change their names, and names.
MIRRORED = {
    *POLLED,
    *("copy a folder", "rename a folder in and write there", "rename one over another"),
    *("rename a folder and write there", "swap folders", "take a name over"),
    *("rename a folder out", "rename a folder into another", "delete a folder and make it again"),
    *("unhide a folder", "git checkout", "odd names", "names that are not UTF-8"),
    *("names of 255 bytes", "link to a folder"),
}

# What only the next rescan brings right: one name that is a file, then a folder, or the reverse.
BY_RESCAN = {
    ("folder for a file", "output"),
    ("folder for a file", "polling"),
    ("file for a folder", "polling"),
}
MODES: dict[str, list[str]] = {
    "beside": [],
    "output": ["--output", "out"],
    "polling": ["--poll", "0.3"],
}


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        pytest.param(
            operation,
            [*options, *(["--rescan", "2"] if (operation, mode) in BY_RESCAN else [])],
            id=f"{operation}-{mode}",
            marks=[] if operation in QUICK and mode == "beside" else pytest.mark.slow,
        )
        for operation in OPERATIONS
        for mode, options in MODES.items()
        if mode == "beside" or operation in (MIRRORED if mode == "output" else POLLED)
    ],
)
@pytest.mark.few(1)
def test_thumbnails_follow(
    photos: Path, monkeypatch: pytest.MonkeyPatch, operation: str, options: list[str]
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    with watching(*options, photos) as watch:
        catches_up(watch, *options, photos)
        for line in OPERATIONS[operation]:
            shell(line, photos)
            catches_up(watch, *options, photos)
        assert not failed(watch)


@pytest.mark.slow
def test_what_is_excluded_or_no_picture_is_not_even_mentioned(photos: Path) -> None:
    starting_tree(photos)
    options = ["--exclude", "private"]
    with watching(*options, photos) as watch:
        catches_up(watch, *options, photos)
        seen = len(rows(watch))
        shell("mkdir private .x; cp ../else/new.jpg private; cp ../else/new.jpg .x", photos)
        shell("echo text > notes.txt; cp ../else/new.jpg thumbs.db; cp a.jpg ._a.jpg", photos)
        shell("cp ../else/new.jpg last.jpg", photos)
        catches_up(watch, *options, photos)
        assert [row.get("source") for row in rows(watch)[seen:]] == [str(photos / "last.jpg")]


def test_rows_are_those_of_make_and_say_what_is_removed(photos: Path) -> None:
    starting_tree(photos)
    with watching(photos) as watch:
        catches_up(watch, photos)
        shell("mv a.jpg z.jpg", photos)
        catches_up(watch, photos)
        soon(watch, lambda: of_source(watch, photos / "a.jpg") == ["made", "removed"])
        fields = {"source", "status", "thumbnails", "error", "note", "seconds", "time"}
        found = [row for row in rows(watch) if "event" not in row]
        assert all(row.keys() == fields for row in found)
        (made,) = [row for row in found if row["source"] == str(photos / "z.jpg")]
        (thumbnail,) = made["thumbnails"]
        assert thumbnail["path"] == str(photos / "thumbs" / "z.jpg")
        assert thumbnail["bytes"] == os.path.getsize(thumbnail["path"])


@pytest.mark.slow
def test_what_is_current_at_the_start_is_neither_made_nor_mentioned(photos: Path) -> None:
    starting_tree(photos)
    with watching(photos) as watch:
        catches_up(watch, photos)
    (photos / "b.png").unlink()
    picture(photos / "sub" / "c.jpg", (77, 30))
    with watching(photos) as watch:
        catches_up(watch, photos)
        statuses = {row["source"]: row["status"] for row in rows(watch) if "source" in row}
        assert statuses == {
            str(photos / "b.png"): "removed",
            str(photos / "sub" / "c.jpg"): "made",
        }


def test_orphans_stay_if_they_are_to(photos: Path) -> None:
    starting_tree(photos)
    with watching("--keep-orphans", "--rescan", "0.3", photos) as watch:
        catches_up(watch, photos)
        before = thumbnails(photos)
        shell("rm a.jpg; mv sub/c.jpg sub/z.jpg", photos)
        soon(watch, lambda: of_source(watch, photos / "sub" / "z.jpg") == ["made"])
        # By then they would be gone, by their events and by a rescan.
        await_event(watch, "rescan", len(events(watch, "rescan")) + 3)
        after = thumbnails(photos)
        assert before is not None
        assert after == before | {"sub/z.jpg": before["sub/c.jpg"]}
        assert not [row for row in rows(watch) if row.get("status") == "removed"]


@pytest.mark.slow
def test_what_others_put_among_the_thumbnails_is_never_removed(photos: Path) -> None:
    starting_tree(photos)
    mine = picture(photos / "thumbs" / "mine.jpg", (20, 20))
    with watching(photos) as watch:
        soon(watch, lambda: (photos / "thumbs" / "a.jpg").exists())
        note = photos / "thumbs" / "note.txt"
        note.write_text("mine, too")
        shell("rm a.jpg", photos)
        soon(watch, lambda: not (photos / "thumbs" / "a.jpg").exists())
    assert mine.exists()
    assert note.read_text() == "mine, too"


@pytest.mark.parametrize("options", [[], ["--output", "out"]], ids=["beside", "output"])
@pytest.mark.parametrize("settle", ["0.2", "3"], ids=["", "young"])
@pytest.mark.parametrize(
    "pause",
    [pytest.param("0", marks=pytest.mark.slow), pytest.param("5", marks=pytest.mark.nightly)],
)
def test_thumbnails_that_somebody_deletes_come_back(
    photos: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], settle: str, pause: str
) -> None:
    monkeypatch.chdir(photos.parent)
    arguments: list[str | Path] = ["--settle", settle, "--rescan", "1", *options, photos]
    place = "../out/sub" if options else "sub/thumbs"
    starting_tree(photos)
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        for line in (f"rm -r {place}", f"rm {place}/c.jpg", "cp ../else/new.jpg sub"):
            shell(f"sleep {pause}; {line}", photos)
            catches_up(watch, *arguments)
        shell(f"sleep {pause}; rm -r {place}", photos)
        catches_up(watch, *arguments)


@pytest.mark.slow
def test_several_folders_and_one_output(photos: Path, tmp_path: Path) -> None:
    starting_tree(photos)
    options = ["--output", str(tmp_path / "out")]
    album = tmp_path / "else" / "album"
    with watching(*options, photos, album) as watch:
        catches_up(watch, *options, photos, album)
        shell("mv album/e.jpg ../photos/sub; mv ../photos/b.png album", tmp_path / "else")
        catches_up(watch, *options, photos, album)


def test_without_json_it_talks_to_people(photos: Path) -> None:
    starting_tree(photos)
    words = ["watch", "-j", "2", "--settle", "0.2", "--rescan", "3600", "-v"]
    with start(*THUMBNAILER, *words, photos) as watch:
        soon(watch, lambda: "made: " in watch.printed())
        shell("cp ../else/new.jpg .; echo text > broken.jpg", photos)
        soon(watch, lambda: f"made: {photos / 'new.jpg'}" in watch.printed())
        err = watch.err
        soon(watch, lambda: b"failed: " in os.pread(err.fileno(), 9999, 0))


@pytest.mark.parametrize("option", ["--settle=x", "--settle=-1", "--rescan=-1", "--poll=-1"])
def test_impossible_options_are_refused(photos: Path, option: str) -> None:
    with start(*THUMBNAILER, "watch", option, photos) as watch:
        assert watch.process.wait(60) == 2


def test_a_folder_that_is_not_there_at_the_start_is_an_error(photos: Path) -> None:
    with start(*THUMBNAILER, "watch", "--json", photos / "nowhere") as watch:
        assert watch.process.wait(60) == 1


@pytest.mark.slow
def test_a_relative_folder_is_shown_as_it_was_named(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting_tree(photos)
    monkeypatch.chdir(photos.parent)
    with watching(Path("photos")) as watch:
        shell("cp ../else/new.jpg sub", photos)
        catches_up(watch, Path("photos"))
        assert of_source(watch, Path("photos/sub/new.jpg")) == ["made"]


@pytest.mark.slow
def test_what_could_not_be_read_is_told_once_and_tried_again(photos: Path) -> None:
    starting_tree(photos)
    command = [*RESTRICTED, *WATCH[:-2], "--rescan", "0.5", str(photos)]
    (photos / "b.png").chmod(0)
    os.symlink("nothing", photos / "link.jpg")
    with start(*command) as watch:
        await_event(watch, "rescan", 2)
        assert of_source(watch, photos / "b.png") == ["failed"]
        assert of_source(watch, photos / "link.jpg") == ["skipped"]
        (photos / "b.png").chmod(0o644)
        soon(watch, lambda: of_source(watch, photos / "b.png") == ["failed", "made"])
        shell("cp ../else/new.jpg .", photos)
        await_event(watch, "rescan", 5)
        assert of_source(watch, photos / "link.jpg") == ["skipped"]
        stop(watch)


@pytest.mark.parametrize("output", [False, True], ids=["beside", "output"])
def test_without_subfolders_their_thumbnails_are_left_alone(
    photos: Path, tmp_path: Path, output: bool
) -> None:
    starting_tree(photos)
    out = tmp_path / "out"
    place = ["--output", str(out)] if output else []
    assert make(*place, photos).code == 0
    (photos / "sub" / "c.jpg").unlink()
    (photos / "a.jpg").unlink()
    kept = (out / "sub" if output else photos / "sub" / "thumbs") / "c.jpg"
    with watching("--no-recursive", *place, photos) as watch:
        assert of_source(watch, photos / "a.jpg") == ["removed"]
        assert not of_source(watch, photos / "sub" / "c.jpg")
    assert kept.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs inotify")
def test_an_observer_that_cannot_begin_leaves_nothing_behind(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    handlers = list(logging.getLogger("watchdog").handlers)
    monkeypatch.setattr("thumbnailer.watcher.observer.inotify.InotifyFD", refuse)
    for _ in range(3):
        with pytest.raises(OSError, match="too many"):
            FolderObserver(str(photos), lambda _: True, lambda _: True, lambda _: None)
    assert logging.getLogger("watchdog").handlers == handlers
