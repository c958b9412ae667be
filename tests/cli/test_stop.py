"""Ctrl-C and SIGTERM: a quick end, a summary, and nothing left behind.

A run that did not stop would go on for many times what these tests wait for its end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.marks import needs_proc, posix_only
from support.pictures import files_below, picture
from support.processes import wait_until_up
from support.program import THUMBNAILER, thumbnailer
from support.waiting import STALL_SECONDS, eventually, is_running

pytestmark = posix_only

pytestmark = needs_proc


@pytest.fixture
def many(photos: Path) -> Path:
    """Minutes of work: 80 ms a picture."""
    first = picture(photos / "0.png", (3000, 3000), compress_level=1)
    for number in range(1, 4000):
        os.link(first, photos / f"{number}.png")
    return photos


@pytest.mark.parametrize("to_the_group", [True, False], ids=["group", "parent only"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.few(1)
def test_a_signal_ends_the_run_at_once(
    many: Path, number: signal.Signals, code: int, to_the_group: bool
) -> None:
    process = start(many, "--json")
    assert process.stdout
    first = process.stdout.readline()
    send(process, number, to_the_group)
    lines = [first, *process.stdout]
    assert process.wait(STALL_SECONDS) == code
    assert process.communicate() == ("", "")
    rows = [json.loads(line) for line in lines]
    summary = rows.pop()["summary"]
    assert summary["found"] == len(rows)
    states = ("made", "current", "skipped", "failed")
    assert summary["found"] == sum(summary[state] for state in states)
    skipped = [row for row in rows if row["status"] == "skipped"]
    assert {row["error"]["reason"] for row in skipped} <= {"interrupted"}
    check_nothing_is_left(many, process)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("to_the_group", [True, False], ids=["group", "parent only"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_at_any_moment_ends_the_run(
    many: Path, number: signal.Signals, code: int, to_the_group: bool, seed: int
) -> None:
    process = start(many)
    wait_until_up(process.pid)
    # Each seed has its own sixth of a second, so that together they leave none out.
    time.sleep((seed + random.Random(seed).random()) / 6)
    send(process, number, to_the_group)
    _, err = process.communicate(timeout=STALL_SECONDS)
    assert process.returncode == code
    assert err == ""
    check_nothing_is_left(many, process)


@pytest.mark.parametrize("to_the_group", [True, False], ids=["group", "parent only"])
@pytest.mark.slow
def test_a_signal_while_the_workers_start(many: Path, to_the_group: bool) -> None:
    for moment in range(8):
        process = start(many)
        wait_until_up(process.pid)
        time.sleep(moment / 40)
        send(process, signal.SIGINT, to_the_group)
        _, err = process.communicate(timeout=STALL_SECONDS)
        assert (process.returncode, err) == (130, "")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.few(1)
def test_a_second_signal_ends_it_where_it_stands(
    many: Path, number: signal.Signals, code: int
) -> None:
    process = start(many)
    eventually((many / "thumbs").exists)
    for _ in range(3):
        process.send_signal(number)
        time.sleep(0.005)
    _, err = process.communicate(timeout=STALL_SECONDS)
    assert (process.returncode, err) == (code, "")
    eventually(lambda: not processes_of_group(process.pid))


@pytest.mark.slow
def test_a_signal_during_a_scan_that_finds_nothing(photos: Path) -> None:
    for number in range(20_000):
        (photos / str(number)).mkdir()
    process = start(photos)
    wait_until_up(process.pid)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=STALL_SECONDS)
    assert process.returncode in (0, 130)


def test_the_summary_says_that_the_run_was_interrupted(many: Path) -> None:
    process = start(many)
    eventually((many / "thumbs").exists)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=STALL_SECONDS)
    assert out.startswith("interrupted: ")
    assert " skipped" in out


def start(photos: Path, *options: str) -> subprocess.Popen[str]:
    """The program as the leader of a process group of its own, as a shell starts it."""
    return subprocess.Popen(
        [*THUMBNAILER, "make", *options, photos],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def send(process: subprocess.Popen[str], number: signal.Signals, to_the_group: bool) -> None:
    if to_the_group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)


def check_nothing_is_left(photos: Path, process: subprocess.Popen[str]) -> None:
    eventually(lambda: not processes_of_group(process.pid))
    assert not [name for name in files_below(photos) if name.endswith(".tmp")]
    assert thumbnailer("make", "--dry-run", "--quiet", photos).code == 0


def processes_of_group(group: int) -> list[str]:
    found = subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True)
    return [pid for pid in found.stdout.split() if is_running(int(pid))]
