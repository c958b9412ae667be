"""What is said of writes that fail, and what a run leaves that is killed in the middle of one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from support.pictures import files_below, tree
from support.program import make, thumbnailer

from thumbnailer import make_thumbnail
from thumbnailer.disk import new_files
from thumbnailer.disk.files import OpenFolder, create_file, write_all
from thumbnailer.disk.locks import lock

FULL, FORBIDDEN = (OSError(number, os.strerror(number)) for number in (errno.ENOSPC, errno.EACCES))


def refuse(monkeypatch: pytest.MonkeyPatch, faults: dict[str, OSError]) -> None:
    """Let no file be created in folders of these names."""

    def refusing(folder: OpenFolder, name: str, mode: int) -> int:
        if fault := faults.get(os.path.basename(folder.path)):
            raise OSError(fault.errno, fault.strerror)
        return create_file(folder, name, mode)

    monkeypatch.setattr(new_files, "create_file", refusing)


@pytest.mark.parametrize("faults", [(FORBIDDEN, FULL), (FULL, FORBIDDEN)])
def test_of_two_failures_the_one_that_ends_the_run_is_told(
    photos: Path, monkeypatch: pytest.MonkeyPatch, faults: tuple[OSError, OSError]
) -> None:
    tree(photos, "a.jpg")
    refuse(monkeypatch, dict(zip(["16", "32"], faults, strict=True)))
    run = thumbnailer("make", "-s", "16", "-s", "32", photos)
    assert run.code == 1
    assert run.err.startswith("thumbnailer: stopped early: ")
    assert run.err.endswith(": No space left on device\n")


@pytest.mark.parametrize(("fault", "code"), [(FORBIDDEN, 3), (FULL, 1)])
def test_a_broken_picture_is_told_of_unless_the_disk_is_full(
    photos: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError, code: int
) -> None:
    (photos / "a.jpg").write_text("no picture")
    refuse(monkeypatch, {"thumbs": fault})
    run = make(photos)
    assert run.code == code
    stages = {row["error"]["stage"] for row in run.rows}
    assert stages == ({"open"} if fault is FORBIDDEN else {"write"})


KILLED = """
import os, sys
from thumbnailer.disk.new_files import NewFile
from thumbnailer.cli.main import main

move, moment, number = NewFile.move_to, sys.argv[1], int(sys.argv[2])

def move_and_die(new, name):
    global number
    number -= 1
    if not number and moment == "before":
        os._exit(9)
    move(new, name)
    if not number:
        os._exit(9)

NewFile.move_to = move_and_die
main(["make", "-j", "1", "--quiet", *sys.argv[3:]])
"""


def killed(moment: str, number: int, *arguments: str | Path) -> None:
    """Run `make` until it gives the nth thumbnail its name; end it before or after that."""
    command = [sys.executable, "-c", KILLED, moment, str(number), *map(str, arguments)]
    assert subprocess.run(command, timeout=100).returncode == 9


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        *((kind, "before") for kind in ("new", "other settings", "same length")),
        *((kind, "after") for kind in ("new", "other settings", "same length", "replaced")),
    ],
)
def test_a_kill_beside_a_rename_leaves_what_the_next_run_knows_for_its_own(
    photos: Path, kind: str, moment: str
) -> None:
    """And never an old thumbnail that counts as new."""
    names, thumbs = ("a.png", "b.png", "c.png"), photos / "thumbs"
    options = ["-f", "png", "-s", "64"]
    for name in names:
        Image.new("RGB", (90, 60), "red").save(photos / name)
    if kind in ("other settings", "same length"):
        make(photos, *options)
    if kind == "other settings":
        options[-1] = "32"
    elif kind == "same length":  # red or nearly so makes no difference to that
        for name in names:
            Image.new("RGB", (90, 60), "#fe0000").save(photos / name)
    made = make_thumbnail(photos / "c.png", photos.parent / "wanted.png", size=int(options[-1]))
    wanted = Path(made.path).read_bytes()
    if kind == "same length":
        assert (thumbs / "c.png").stat().st_size == len(wanted)
        assert (thumbs / "c.png").read_bytes() != wanted
    elif kind == "replaced":
        thumbs.mkdir()
        for name in names:
            (thumbs / name).write_bytes(bytes(len(wanted)))
    killed(moment, 3, photos, *options, *["--replace"] * (kind == "replaced"))
    run = make(photos, *options)
    assert run.summary["failed"] == 0
    assert run.summary["made"] + run.summary["current"] == 3
    assert {(thumbs / name).read_bytes() for name in names} == {wanted}
    assert files_below(thumbs) == {*names}


def swept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run takes the first temporary file for abandoned, before it is locked."""
    swept: list[str] = []

    def late(fd: int, patience_seconds: float = 0) -> bool | None:
        if not swept:
            path = os.readlink(f"/proc/self/fd/{fd}")
            swept.append(path)
            os.unlink(path)
        return lock(fd, patience_seconds)

    monkeypatch.setattr(new_files, "lock", late)


def held_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run has locked the first temporary file, and removes it in a moment."""
    turns, held = [True], list[str]()  # two threads may come at once: `pop` is for one of them

    def late(fd: int, patience_seconds: float = 0) -> bool | None:
        with suppress(IndexError):
            turns.pop()
            held.append(os.readlink(f"/proc/self/fd/{fd}"))
            return False
        return lock(fd, patience_seconds)

    def write_after_that(fd: int, data: bytes) -> None:
        with suppress(IndexError):
            os.unlink(held.pop())
        write_all(fd, data)

    monkeypatch.setattr(new_files, "lock", late)
    monkeypatch.setattr(new_files, "write_all", write_after_that)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("disturb", [swept_once, held_once])
def test_a_temporary_file_that_another_run_sweeps_is_written_again(
    photos: Path, monkeypatch: pytest.MonkeyPatch, disturb: object
) -> None:
    tree(photos, "a.jpg")
    assert callable(disturb)
    disturb(monkeypatch)
    make_thumbnail(photos / "a.jpg", photos / "b.jpg")
    assert (photos / "b.jpg").stat().st_size
    monkeypatch.undo()
    disturb(monkeypatch)
    assert make(photos).statuses == {"a.jpg": "made", "b.jpg": "made"}
    assert not list(photos.rglob("*.tmp"))
