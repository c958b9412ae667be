"""A run to which something is done from outside, and what must hold of it whatever that was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO

import pytest
from PIL import Image

from support.pictures import picture
from support.program import THUMBNAILER, Run
from support.waiting import eventually, until

# The command line as a program runs it that has chosen how processes are started.
_SPAWN = """
import multiprocessing, sys
multiprocessing.set_start_method("spawn")
from thumbnailer.__main__ import main
sys.exit(main())
"""
PROGRAMS = {"forkserver": THUMBNAILER, "spawn": [sys.executable, "-c", _SPAWN]}

# Root may read and write whatever the permissions say, unless it gives that up.
RESTRICTED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def slow(*values: object) -> object:
    """A value of each parameter, left out of the quick suite."""
    return pytest.param(*values, marks=pytest.mark.slow)


@dataclass
class Started:
    """A running program, which leads a process group of its own and prints into files: a full pipe
    would hold it up."""

    process: subprocess.Popen[bytes]
    out: IO[bytes]
    err: IO[bytes]

    def printed(self) -> str:
        return os.pread(self.out.fileno(), 1 << 30, 0).decode()

    def is_over(self) -> bool:
        return self.process.poll() is not None


@contextmanager
def start(*command: str | Path, cwd: Path | None = None) -> Iterator[Started]:
    """A program while it runs; whatever is left of it in the end is killed."""
    if os.name != "posix":
        pytest.skip("needs process groups")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [os.fspath(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=cwd,
            start_new_session=True,
        )
        with process:
            try:
                yield Started(process, out, err)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def start_make(
    *arguments: str | Path, method: str = "forkserver"
) -> AbstractContextManager[Started]:
    """`thumbnailer make --json -j 2`, so that there are two workers whatever the machine."""
    return start(*PROGRAMS[method], "make", "--json", "-j", "2", *arguments)


def finish(started: Started, *folders: Path, seconds: float = 60, complete: bool = True) -> Run:
    """Wait for the end of a run and check what holds whatever befell it: it ends in time, without a
    traceback, a process or a temporary file; thumbnails are whole; and if `complete`, each source
    has one row, the counts add up and what is said to be there is there."""
    process = started.process
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pytest.fail(f"still runs after {seconds} s; printed {started.printed()[-300:]!r}")
    eventually(lambda: not group_of(process.pid))
    started.err.seek(0)
    run = Run(process.returncode, started.printed(), started.err.read().decode())
    assert "Traceback" not in run.err, run.err
    if complete and (run.out or run.code == 0):  # else it ended before it started
        _check_rows(run)
    for folder in folders:
        check_thumbnails(folder)
    return run


def make_to_the_end(*arguments: str | Path, seconds: float = 60) -> Run:
    """A whole run of `thumbnailer make` with the checks of `finish`; the folder is the last."""
    with start_make(*arguments) as started:
        return finish(started, Path(arguments[-1]), seconds=seconds)


def _check_rows(run: Run) -> None:
    sources = [row["source"] for row in run.rows]
    assert len(sources) == len(set(sources)), "a source was reported twice"
    states = ("made", "current", "skipped", "failed")
    assert {row["status"] for row in run.rows} <= set(states)
    for state in states:
        assert run.summary[state] == sum(row["status"] == state for row in run.rows)
    assert run.summary["found"] == len(run.rows)
    for row in run.rows:
        assert (row["error"] is None) == (row["status"] in ("made", "current"))
        assert all(os.path.exists(thumbnail["path"]) for thumbnail in row["thumbnails"])


def check_thumbnails(folder: Path) -> None:
    """Every thumbnail below a folder is whole, and no temporary file is there."""
    for thumbs in {path.parent for path in folder.rglob(".thumbnailer")}:
        for name in os.listdir(thumbs):
            assert not name.endswith(".tmp"), name
            path = thumbs / name
            if name != ".thumbnailer" and path.is_file():
                with Image.open(path) as image:
                    image.load()


def copies(folder: Path, number: int, size: tuple[int, int] = (320, 240)) -> set[str]:
    """Many JPEGs that are one file on disk under many names; returns their paths."""
    first = picture(folder / "0000.jpg", size)
    for count in range(1, number):
        os.link(first, folder / f"{count:04}.jpg")
    return {str(folder / f"{count:04}.jpg") for count in range(number)}


def group_of(leader: int) -> dict[int, int]:
    """The processes of a group that are running (not zombies), with their parents."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent, group = stat.rpartition(")")[2].split()[:3]
        if int(group) == leader and state not in "ZX":
            found[int(pid)] = int(parent)
    return found


def fork_servers_of(started: Started) -> list[int]:
    """The fork server of a run: an interpreter that began anew, or one forked from the program."""
    forked = _command(started.process.pid)
    words = {pid: _command(pid) for pid in _children(started)}
    return [pid for pid, command in words.items() if command == forked or "forkserver" in command]


def workers_of(started: Started) -> list[int]:
    """The processes of a run but the program itself and the stdlib's helpers."""
    helpers = {started.process.pid, *fork_servers_of(started)}
    everyone = group_of(started.process.pid)
    return [
        pid for pid in everyone if pid not in helpers and "resource_tracker" not in _command(pid)
    ]


def _children(started: Started) -> Iterable[int]:
    leader = started.process.pid
    return [pid for pid, parent in group_of(leader).items() if parent == leader]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "resource_tracker"  # gone: nobody's to harm


def wait_until_up(pid: int) -> None:
    """Wait for the program's first instant: until then Python itself tells of an interrupt, at
    length. SIGTERM is caught by nobody else."""

    def catches_sigterm() -> bool:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
        return bool(mask >> (signal.SIGTERM - 1) & 1)

    eventually(catches_sigterm)


def has_open(pid: int, path: Path) -> bool:
    """Whether a process has a file or folder open at the moment."""
    with suppress(FileNotFoundError):  # one is closed while it is looked at
        return any(os.path.samefile(number, path) for number in Path(f"/proc/{pid}/fd").iterdir())
    return False


def watches_of(pid: int) -> int:
    """How many inotify watches a process holds."""
    number = 0
    for path in list(Path(f"/proc/{pid}/fdinfo").iterdir()):
        with suppress(FileNotFoundError):  # one is closed while it is looked at
            number += path.read_text().count("inotify wd:")
    return number


def send(pid: int, number: signal.Signals) -> bool:
    """Send a signal; False if the process has just gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def at_random(
    started: Started,
    times: int,
    chance: Random,
    do: Callable[[list[int]], bool],
    pause_seconds: float,
    at_rest: Callable[[], object] = lambda: None,
) -> int:
    """While a run goes on, do something to its workers at random moments; how often it was done.

    Args:
        at_rest: is called where there are no workers, to give them work if the run waits for it.
    """
    done = 0
    for _ in until(120 + 2 * times * pause_seconds):
        if done == times or started.is_over():
            break
        time.sleep(chance.uniform(0, pause_seconds))
        if workers := workers_of(started):
            done += do(workers)
        else:
            at_rest()
    return done
