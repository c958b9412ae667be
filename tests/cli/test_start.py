"""Nothing is imported, and no process started, before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.imports import HEAVY, imported
from support.marks import needs_proc
from support.pictures import tree
from support.processes import copies, finish, start_make, workers_of
from support.program import make
from support.waiting import eventually

# Audit events of the standard library: docs.python.org/3/library/audit_events.html
ALONE = """
import sys, thumbnailer

def refuse(event, _):
    if event in ("os.fork", "os.forkpty", "os.posix_spawn", "subprocess.Popen"):
        sys.exit(event)

sys.addaudithook(refuse)
thumbnailer.make_thumbnail(*sys.argv[1:])
"""


# What one picture by the command needs in none of its steps but the worker's.
NEEDLESS = {
    *("asyncio", "concurrent", "ctypes", "email", "logging", "multiprocessing", "pathlib"),
    *("random", "shutil", "subprocess", "tempfile", "textwrap", "tomllib", "urllib"),
}

# What a picture imports that the fork server has not imported before.
LATE = """
import sys, thumbnailer, thumbnailer.render.job

before = {*sys.modules}
thumbnailer.make_thumbnail(*sys.argv[1:])
late = {*sys.modules} - before
print(*(name for name in late if name.startswith(("PIL", "thumbnailer.imaging"))))
"""


def test_a_version_is_said_at_once() -> None:
    assert not imported("--version") & {"argparse", "dataclasses", "typing", *HEAVY}


def test_help_needs_no_settings() -> None:
    assert not imported("make", "--help") & {"dataclasses", "inspect", *HEAVY}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process is started by subprocess")
def test_one_picture_is_made_without_what_others_need(photos: Path) -> None:
    tree(photos, "a.jpg")
    assert not imported("make", photos / "a.jpg") & {*NEEDLESS, *HEAVY}


def test_what_a_jpeg_needs_is_imported_once_for_all_workers(photos: Path) -> None:
    tree(photos, "a.jpg")
    command = [sys.executable, "-c", LATE, str(photos / "a.jpg"), str(photos / "b.jpg")]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"\n"


def test_settings_need_no_pillow() -> None:
    assert not imported("config") & HEAVY


@pytest.mark.parametrize("command", ["make", "prune"])
@pytest.mark.few(1)
def test_where_there_is_nothing_to_do_pillow_is_not_imported(photos: Path, command: str) -> None:
    tree(photos, "a.jpg")
    assert make(photos).code == 0
    assert not imported(command, photos) & HEAVY


def test_one_picture_by_the_library_costs_no_process(photos: Path) -> None:
    tree(photos, "a.jpg")
    subprocess.run([sys.executable, "-c", ALONE, photos / "a.jpg", photos / "b.jpg"], check=True)
    assert (photos / "b.jpg").exists()


@needs_proc
def test_nice_workers_stand_back(photos: Path) -> None:
    copies(photos, 60, (1280, 960))
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with start_make("--nice", "7", photos) as run:
        eventually(lambda: niceness_of(workers_of(run)) == {min(before + 7, 19)}, seconds=10)
        assert niceness_of([run.process.pid]) == {before}
        assert finish(run, photos).code == 0


def niceness_of(pids: list[int]) -> set[int]:
    try:
        return {os.getpriority(os.PRIO_PROCESS, pid) for pid in pids}
    except ProcessLookupError:
        return set()
