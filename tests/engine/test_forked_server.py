"""The command forks the fork server from itself, which takes over nothing that is not for it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.marks import needs_proc
from support.processes import Started, copies, finish, fork_servers_of, start, workers_of
from support.program import THUMBNAILER
from support.waiting import eventually

# A program that does something, and then what the command does.
PROGRAM = """
import sys, threading
{first}
from thumbnailer.__main__ import main
sys.exit(main())
"""
THREAD = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
LIBRARY = """
import sys, thumbnailer
for outcome in thumbnailer.iter_thumbnails(sys.argv[-1]):
    print(outcome.status, flush=True)
"""

pytestmark = [
    needs_proc,
    pytest.mark.skipif(sys.platform != "linux", reason="only on Linux a fork is safe"),
]


@contextmanager
def at_work(photos: Path, *command: str) -> Iterator[Started]:
    """A run that is under way."""
    copies(photos, 120, (1280, 960))
    with start(*command, "make", "--json", photos) as run:
        eventually(run.printed)
        yield run


def words_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def files_of(pid: int) -> dict[int, str]:
    files = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it is closed while it is looked at
            files[int(path.name)] = os.readlink(path)
    return files


def test_the_command_forks_it(photos: Path) -> None:
    with at_work(photos, *THUMBNAILER) as run:
        (server,) = fork_servers_of(run)
        assert words_of(server) == words_of(run.process.pid)
        assert finish(run, photos).code == 0


@pytest.mark.parametrize(
    "program",
    [PROGRAM.format(first=THREAD), LIBRARY],
    ids=["a program with a thread", "the library"],
)
def test_elsewhere_an_interpreter_begins_anew(photos: Path, program: str) -> None:
    with at_work(photos, sys.executable, "-c", program) as run:
        (server,) = fork_servers_of(run)
        assert "forkserver" in words_of(server)
        assert finish(run, photos, complete=False).code == 0


def test_it_and_workers_have_no_file_of_the_command(photos: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    first = f"kept = [open({str(secret)!r}, 'w') for _ in range(9)]"
    with at_work(photos, sys.executable, "-c", PROGRAM.format(first=first)) as run:
        (server,) = fork_servers_of(run)
        assert words_of(server) == words_of(run.process.pid)
        assert str(secret) in files_of(run.process.pid).values()
        for pid in [server, *workers_of(run)]:
            files = files_of(pid)
            assert [files[fd] for fd in range(3)] == [os.devnull] * 3
            assert str(secret) not in files.values()
            assert str(photos / "thumbs") not in files.values()
        assert finish(run, photos).code == 0


def test_no_signal_is_handled_there_as_by_the_command(photos: Path) -> None:
    with at_work(photos, *THUMBNAILER) as run:
        (server,) = fork_servers_of(run)
        assert signals_of(run.process.pid, "SigCgt") >= {signal.SIGINT, signal.SIGTERM}
        assert signals_of(server, "SigCgt") == {signal.SIGCHLD}
        # One that is sent to all processes of a terminal is for the command alone.
        assert signals_of(server, "SigBlk") == {signal.SIGINT}
        # None is caught by a worker that has begun.
        eventually(lambda: not any(signals_of(pid, "SigCgt") for pid in workers_of(run)))
        assert finish(run, photos).code == 0


def signals_of(pid: int, mask: str) -> set[int]:
    """The signals in a mask of a process: proc_pid_status(5)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    bits = next(int(line.split()[1], 16) for line in lines if line.startswith(mask))
    return {number for number in range(1, 32) if bits >> (number - 1) & 1}
