"""A running `thumbnailer watch`, and what must hold of the thumbnails whenever it has caught up."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.pictures import files_below, picture
from support.processes import Started, finish, group_of, start
from support.program import THUMBNAILER, Run, make

# So that no test passes thanks to a rescan, unless that is what it is about.
WATCH = [*THUMBNAILER, "watch", "--json", "-j", "2", "--settle", "0.2", "--rescan", "3600"]

# By which pictures arrive, besides what every system has.
_PROGRAMS = {"rsync", "unzip", "git"}

# Git as nobody has configured it, by somebody who may commit.
_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a",
}

# Folders that are not entered keep the thumbnails they came with.
_UNSEEN = re.compile(r"/(\.[^/]*|@eaDir)/")

# The settings that decide what the thumbnails are, of which a one-shot run must know.
_SETTINGS_OF_MAKE = ("--size", "--exclude", "--max-pixels", "--config")


@contextmanager
def watching(*arguments: str | Path, prefix: tuple[str, ...] = ()) -> Iterator[Started]:
    """A watch that is ready, and in the end is stopped and must leave nothing behind. Folders come
    last and as paths, options before them as `--name value`.

    Args:
        prefix: a program that runs the watch in its own place, with its arguments.
    """
    with start(*prefix, *WATCH, *arguments) as started:
        await_event(started, "ready")
        yield started
        if not started.is_over():
            stop(started)


def stop(started: Started, number: signal.Signals = signal.SIGTERM, *folders: Path) -> Run:
    """End a watch by a signal and check that it does so and leaves nothing behind: at rest one that
    misses the signal goes on for an hour."""
    started.process.send_signal(number)
    run = finish(started, *folders, complete=False)
    assert run.code == 0, run.err
    assert rows(started)[-1].get("event") == "stopped"
    return run


def rows(started: Started) -> list[dict[str, Any]]:
    """All rows up to now, events among them."""
    return [json.loads(line) for line in started.printed().splitlines(True) if line[-1] == "\n"]


def of_source(started: Started, path: Path) -> list[str]:
    """What became of a picture, from its first row to its last."""
    return [row["status"] for row in rows(started) if row.get("source") == str(path)]


def events(started: Started, name: str) -> list[dict[str, Any]]:
    return [row for row in rows(started) if row.get("event") == name]


def failed(started: Started) -> list[dict[str, Any]]:
    return [row for row in rows(started) if row.get("status") == "failed"]


def errors(started: Started) -> str:
    """What was printed on stderr up to now."""
    return os.pread(started.err.fileno(), 1 << 20, 0).decode()


def soon(
    started: Started, condition: Callable[[], object], what: object = "", seconds: float = 60
) -> None:
    """Wait until the condition holds while the watch goes on; `what` says, called if it can be,
    what is wrong if it doesn't."""
    end = time.monotonic() + seconds
    while not condition():
        over = started.is_over()
        if over or time.monotonic() > end:
            why = "the watch has ended" if over else f"not within {seconds} s"
            told = what() if callable(what) else what
            last = "\n".join(started.printed().splitlines()[-5:])
            pytest.fail(f"{why}: {told}\nlast rows: {last}\nstderr: {errors(started)[-1000:]}")
        time.sleep(0.05)


def await_event(started: Started, name: str, number: int = 1, seconds: float = 60) -> None:
    """Wait for the event to have come this often."""
    soon(started, lambda: len(events(started, name)) >= number, f"event {name!r}", seconds)


def catches_up(started: Started, *arguments: str | Path, seconds: float = 60) -> None:
    """Wait until the thumbnails of the watch with these arguments are, byte for byte, what a
    one-shot run makes of the pictures as they are now, nothing else is there, and a one-shot run
    would find nothing to do."""
    wanted = fresh(*arguments)
    soon(
        started,
        lambda: thumbnails(*arguments) == wanted,
        lambda: _difference(thumbnails(*arguments), wanted),
        seconds,
    )
    soon(started, lambda: not _undone(*arguments), lambda: f"would be made: {_undone(*arguments)}")


def fresh(*arguments: str | Path) -> dict[str, bytes]:
    """The mirrored tree that a one-shot run with the arguments of a watch makes in a new folder."""
    with tempfile.TemporaryDirectory() as out:
        make(*_of_make(arguments), "--output", out, *_sources(arguments))
        return {name: Path(out, name).read_bytes() for name in files_below(Path(out))}


def thumbnails(*arguments: str | Path) -> dict[str, bytes] | None:
    """All that is among the thumbnails of a watch but ledgers, under the names that a mirrored tree
    gives it; None if it changes while it is read."""
    output = _value(arguments, "--output")
    try:
        if output is not None:
            return {name: Path(output, name).read_bytes() for name in files_below(Path(output))}
        (folder,) = _sources(arguments)
        below = {Path(name): Path(folder, name) for name in files_below(Path(folder))}
        return {
            str(name.parent.parent / name.name): path.read_bytes()
            for name, path in below.items()
            if name.parent.name == "thumbs" and not _UNSEEN.search(f"/{name}")
        }
    except FileNotFoundError:
        return None


def _undone(*arguments: str | Path) -> list[str]:
    output = _value(arguments, "--output")
    place = [] if output is None else ["--output", output]
    found = make("--dry-run", *_of_make(arguments), *place, *_sources(arguments)).rows
    return [row["source"] for row in found if (row["error"] or {}).get("stage") == "dry run"]


# A folder may not be empty when `rm -r` comes to it: a thumbnail that is deleted before its picture
# is made again. Who deletes it then deletes it again.
_RM = 'rm() { command rm "$@" || { sleep 1; command rm -f "$@"; }; }; '


def shell(line: str, folder: Path) -> None:
    """Run a line of shell in a folder; skips the test if a program is missing."""
    for program in _PROGRAMS & set(line.split()):
        if not shutil.which(program):
            pytest.skip(f"needs {program}")
    subprocess.run(
        ["sh", "-ec", _RM + line], cwd=folder, env=os.environ | _GIT, check=True, timeout=120
    )


def starting_tree(photos: Path) -> Path:
    """Some pictures to begin with, and beside their folder one called `else` with all that comes
    from elsewhere: `new.jpg`, `large.jpg`, `album/`, `album.tar`, `album.zip`. No two have the same
    thumbnail."""
    for count, name in enumerate(("a.jpg", "b.png", "sub/c.jpg", "sub/deep/d.jpg")):
        picture(photos / name, (40 + count, 30))
    elsewhere = photos.parent / "else"
    picture(elsewhere / "new.jpg", (50, 30))
    picture(elsewhere / "large.jpg", (1200, 900), quality=95)
    album = [
        picture(elsewhere / "album" / name, (60 + count, 30))
        for count, name in enumerate(("a.jpg", "e.jpg", "inner/f.png"))
    ]
    with (
        tarfile.open(elsewhere / "album.tar", "w") as tar,
        zipfile.ZipFile(elsewhere / "album.zip", "w") as archive,
    ):
        for path in album:
            tar.add(path, path.relative_to(elsewhere))
            archive.write(path, path.relative_to(elsewhere))
    return photos


def memory_kib(pid: int, field: str = "VmRSS") -> int:
    """The resident memory of a process: now, or at its peak (`VmHWM`)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field))


def cpu_seconds(started: Started) -> float:
    """The processor time that a program and all its processes have used up to now."""
    ticks = 0
    for pid in group_of(started.process.pid):
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(stat[11]) + int(stat[12])  # utime and stime
    return ticks / os.sysconf("SC_CLK_TCK")


def _of_make(arguments: tuple[str | Path, ...]) -> list[str]:
    """Those of the options that `make` knows, too."""
    return [
        word
        for name in _SETTINGS_OF_MAKE
        if (value := _value(arguments, name)) is not None
        for word in (name, value)
    ]


def _value(arguments: tuple[str | Path, ...], name: str) -> str | None:
    words = [os.fspath(word) for word in arguments]
    return words[words.index(name) + 1] if name in words else None


def _sources(arguments: tuple[str | Path, ...]) -> list[Path]:
    """Folders are given as paths, options and their values as strings."""
    return [word for word in arguments if isinstance(word, Path)]


def _difference(found: dict[str, bytes] | None, wanted: dict[str, bytes]) -> str:
    if found is None:
        return "the thumbnails keep changing"
    stale = sorted(name for name in found.keys() & wanted.keys() if found[name] != wanted[name])
    missing, odd = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    return f"missing {missing[:9]}, too many {odd[:9]}, stale {stale[:9]}"
