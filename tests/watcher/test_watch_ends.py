"""A watch ends when it is told to, whoever reads what it prints, and with the terminal it is in."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.marks import needs_proc, posix_only
from support.pictures import files_below, picture
from support.processes import copies, group_of
from support.program import THUMBNAILER, thumbnailer
from support.waiting import eventually

from thumbnailer import watch

pytestmark = posix_only

pytestmark = needs_proc


@contextmanager
def piped(
    *arguments: str | Path, stdout: int = subprocess.DEVNULL, stderr: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A watch whose streams nobody reads."""
    process = subprocess.Popen(
        [*THUMBNAILER, "watch", "-j", "2", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        stdout=stdout,
        stderr=stderr,
    )
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def many_failures(photos: Path, number: int) -> None:
    """More lines on stderr than a pipe holds."""
    for count in range(number):
        (photos / f"{count:04}{'long' * 40}.jpg").write_text("text")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.few(2)
def test_a_signal_ends_it_though_nobody_reads_what_it_prints(
    photos: Path, tmp_path: Path, stream: str, number: signal.Signals
) -> None:
    health = tmp_path / "health.json"
    options = ["--health", str(health), *(["--json"] if stream == "stdout" else [])]
    copies(photos, 1000, (32, 24))
    many_failures(photos, 500)
    with piped(*options, photos, **{stream: subprocess.PIPE}) as process:
        pipe = process.stdout or process.stderr
        assert pipe

        def is_stuck() -> bool:
            before = health.read_bytes()
            time.sleep(2.5)  # the file is written each second
            return before == health.read_bytes()

        eventually(health.exists)
        eventually(is_stuck, 120)
        process.send_signal(number)
        assert process.wait(60) == 0
        eventually(lambda: not group_of(process.pid))
        assert not [name for name in files_below(photos) if name.endswith(".tmp")]
    assert thumbnailer("health", health).code == 1


@pytest.mark.slow
def test_health_tells_that_nobody_reads_what_it_prints(photos: Path, tmp_path: Path) -> None:
    health = tmp_path / "health.json"
    copies(photos, 1000, (32, 24))
    with piped("--json", "--health", health, photos, stdout=subprocess.PIPE) as process:
        eventually(health.exists)
        assert thumbnailer("health", health).code == 0
        eventually(lambda: "no sign of life" in thumbnailer("health", health).out, 120)
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)

        def goes_on() -> bool:
            while process.stdout and process.stdout.read(1 << 20):
                pass
            return thumbnailer("health", health).code == 0

        eventually(goes_on)
        eventually(lambda: goes_on() and json.loads(health.read_bytes())["counts"]["made"] == 1000)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_health_tells_that_a_watch_was_stopped_or_killed(
    photos: Path, tmp_path: Path, number: signal.Signals
) -> None:
    health = tmp_path / "health.json"
    picture(photos / "a.jpg")
    with piped("--health", health, photos) as process:
        eventually(lambda: health.exists() and '"idle"' in health.read_text())
        assert thumbnailer("health", health).code == 0
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait(60)
        eventually(lambda: thumbnailer("health", health).code == 1, 60)


def test_what_was_made_before_the_end_is_told_of(photos: Path) -> None:
    for number in range(30):
        picture(photos / f"{number}.jpg")
        os.utime(photos / f"{number}.jpg", (1e9, 1e9))
    end, before = threading.Event(), threading.active_count()
    outcomes = watch(photos, size=24, rescan=3600, stop_event=end)
    made = [next(outcomes)]
    eventually(lambda: len([*(photos / "thumbs").glob("*.jpg")]) == 30)
    time.sleep(0.5)  # until the last has been handed over
    end.set()
    made += outcomes
    assert sorted(outcome.status for outcome in made) == ["made"] * 30
    eventually(lambda: threading.active_count() <= before)


@contextmanager
def in_terminal(
    *arguments: str | Path, out: Path, prefix: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A watch in a terminal of its own, and the descriptor that keeps that open."""
    leader, terminal = pty.openpty()

    def take_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under `nohup`
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with out.open("wb") as file:
        process = subprocess.Popen(
            [*prefix, *THUMBNAILER, "watch", "-j", "2", "--settle", "0.2", *map(str, arguments)],
            stdin=terminal,
            stdout=file if "--json" in arguments else terminal,
            stderr=terminal,
            preexec_fn=take_terminal,
        )
    os.close(terminal)
    with process:
        try:
            yield process, leader
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(OSError):
                os.close(leader)


def is_idle(health: Path) -> bool:
    return health.exists() and '"idle"' in health.read_text()


@pytest.mark.parametrize("options", [["--json"], ["-v"]], ids=["json", "text"])
def test_closing_the_terminal_ends_it(photos: Path, tmp_path: Path, options: list[str]) -> None:
    health, out = tmp_path / "health.json", tmp_path / "out"
    picture(photos / "a.jpg")
    words: list[str | Path] = [*options, "--health", health, photos]
    with in_terminal(*words, out=out) as (process, terminal):
        eventually(lambda: is_idle(health))
        os.close(terminal)
        assert process.wait(60) == 0
        eventually(lambda: not group_of(process.pid))
        assert json.loads(health.read_bytes())["status"] == "stopped"
        if options == ["--json"]:
            last = json.loads(out.read_text().splitlines()[-1])
            assert (last["event"], last["message"]) == ("stopped", "by SIGHUP")


@pytest.mark.slow
def test_closing_the_terminal_ends_it_at_work(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    copies(photos, 1000, (640, 480))
    with in_terminal("--json", photos, out=out) as (process, terminal):
        eventually(lambda: len(out.read_text().splitlines()) > 20)
        os.close(terminal)
        assert process.wait(60) == 0
        eventually(lambda: not group_of(process.pid))
    assert "failed" not in out.read_text()
    assert not [name for name in files_below(photos) if name.endswith(".tmp")]
    run = thumbnailer("make", "--json", photos)
    assert {row["status"] for row in run.rows} == {"made", "current"}


@pytest.mark.slow
def test_under_nohup_it_outlives_its_terminal(photos: Path, tmp_path: Path) -> None:
    health, out = tmp_path / "health.json", tmp_path / "out"
    picture(photos / "a.jpg")
    words: list[str | Path] = ["--json", "--health", health, photos]
    with in_terminal(*words, out=out, prefix=("nohup",)) as (process, terminal):
        eventually(lambda: is_idle(health))
        os.close(terminal)
        picture(photos / "b.jpg")
        eventually(lambda: (photos / "thumbs" / "b.jpg").exists())
        assert process.poll() is None


@pytest.mark.slow
def test_without_a_terminal_sighup_reloads(photos: Path, tmp_path: Path) -> None:
    health = tmp_path / "health.json"
    picture(photos / "a.jpg")
    with piped("--health", health, photos, stderr=subprocess.PIPE) as process:
        eventually(lambda: is_idle(health))
        process.send_signal(signal.SIGHUP)
        assert process.stderr
        os.set_blocking(process.stderr.fileno(), False)
        said = b""

        def is_reloaded() -> bool:
            nonlocal said
            said += (process.stderr and process.stderr.read()) or b""
            return b"reloaded" in said

        eventually(is_reloaded)
        assert process.poll() is None
