"""The file by which a watch tells how it is doing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.marks import needs_proc, root_only
from support.program import thumbnailer
from support.waiting import nobody
from support.watching import await_event, events, soon, watching

import thumbnailer as package
from thumbnailer.model import Report
from thumbnailer.watcher.health.health_file import STALE_AFTER_SECONDS, judge_health, write_health
from thumbnailer.watcher.health.state import Health, LastError, Tally

TALLY = Tally(Report(made=2, failed=1), LastError("a.jpg: is text", "open", 1e9))
HEALTH = Health(TALLY, 4, 1.5, 0, "inotify", "working", 0)


def test_it_says_all_there_is_to_say(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    write_health(str(path), HEALTH)
    state = json.loads(path.read_bytes())
    updated = datetime.fromisoformat(state.pop("updated"))
    assert updated.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - updated) < timedelta(minutes=1)
    assert state == {
        "counts": {"made": 2, "skipped": 0, "failed": 1, "removed": 0},
        "backlog": 4,
        "oldest_pending_seconds": 1.5,
        "last_rescan": "1970-01-01T00:00:00+00:00",
        "mode": "inotify",
        "last_error": "a.jpg: is text",
        "status": "working",
        "started": "1970-01-01T00:00:00+00:00",
        "stale_after_seconds": STALE_AFTER_SECONDS,
        "pid": os.getpid(),
        "host": os.uname().nodename,
        "version": package.__version__,
    }


def test_before_the_first_rescan_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    write_health(str(path), replace(HEALTH, tally=Tally(), last_rescan=None))
    state = json.loads(path.read_bytes())
    assert (state["last_rescan"], state["last_error"]) == (None, None)


def test_a_bare_name_is_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_health("health.json", HEALTH)
    assert os.listdir(tmp_path) == ["health.json"]


@pytest.mark.slow
def test_a_reader_never_sees_half_of_it(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    long = replace(HEALTH, tally=Tally(last_error=LastError("x" * 100_000, "open")))
    write_health(str(path), HEALTH)

    def write() -> None:
        for _ in range(300):
            write_health(str(path), long)
            write_health(str(path), HEALTH)

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(len(json.loads(path.read_bytes())["last_error"]))
    writer.join()
    assert seen <= {len("a.jpg: is text"), 100_000}
    assert os.listdir(tmp_path) == ["health.json"]


def test_a_link_in_its_place_is_replaced(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "health.json"
    victim.write_text("precious")
    path.symlink_to(victim)
    write_health(str(path), HEALTH)
    assert victim.read_text() == "precious"
    assert json.loads(path.read_bytes())["backlog"] == 4
    assert not path.is_symlink()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_health(str(tmp_path / "nowhere" / "health.json"), HEALTH)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_health(str(tmp_path / "folder"), HEALTH)
    assert os.listdir(tmp_path) == ["folder"]


def told(path: Path, **changes: Any) -> tuple[int, str]:
    """What `thumbnailer health` returns and says of a file with these changes."""
    write_health(str(path), HEALTH)
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))
    run = thumbnailer("health", path)
    assert not run.err
    assert run.out.startswith(f"{path}: ")
    return run.code, run.out.removeprefix(f"{path}: ")


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(60)
    return process.pid


def test_a_watch_that_goes_on_is_alive(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    assert told(path) == (0, "working; 2 made, 1 failed, 4 waiting\n")
    assert told(path, updated=ago(STALE_AFTER_SECONDS - 5))[0] == 0
    assert told(path, updated=ago(-5))[0] == 0  # a clock that was set a little
    waiting = told(path, status="waiting for /photos")
    assert waiting == (0, "waiting for /photos; 2 made, 1 failed, 4 waiting\n")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (lambda: {"updated": ago(STALE_AFTER_SECONDS + 1)}, "no sign of life for 16 s"),
        (lambda: {"updated": ago(3), "stale_after_seconds": 2}, "no sign of life for 3 s"),
        (lambda: {"updated": ago(-60)}, "ahead"),
        (lambda: {"status": "stopped"}, "stopped"),
        (lambda: {"pid": ended_process()}, "has died"),
        (lambda: {"host": "another", "updated": ago(60)}, "no sign of life"),
        (lambda: {"updated": "yesterday"}, "is no health file"),
        (lambda: {"updated": None}, "is no health file"),
        (lambda: {"counts": [1]}, "is no health file"),
        (lambda: {"pid": 1e300}, "has died"),
        (lambda: {"pid": "me"}, "is no health file"),
    ],
)
def test_one_that_does_not_is_dead(
    tmp_path: Path, changes: Callable[[], dict[str, Any]], says: str
) -> None:
    code, said = told(tmp_path / "health.json", **changes())
    assert code == 1
    assert says in said


def test_a_process_on_another_machine_is_not_looked_for(tmp_path: Path) -> None:
    assert told(tmp_path / "health.json", pid=ended_process(), host="another")[0] == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff", b"{}", b"[" * 100_000])
def test_what_is_no_health_file_is_no_sign_of_life(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "health.json"
    path.write_bytes(content)
    run = thumbnailer("health", path)
    assert (run.code, run.err) == (1, "")
    assert "is no health file" in run.out


def test_neither_is_what_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody writes there
    for name in ("nowhere", "pipe", "."):
        run = thumbnailer("health", tmp_path / name)
        assert (run.code, run.err) == (1, "")
        assert "can't be read" in run.out


def test_it_wants_one_file(tmp_path: Path) -> None:
    for words in ([], [tmp_path, tmp_path], ["--json", tmp_path]):
        assert thumbnailer("health", *words).code == 2


def test_another_file_is_not_replaced(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    for mine in ("precious", '{"my": "settings"}', "[1]"):
        path.write_text(mine)
        run = thumbnailer("watch", photos, "--health", path)
        assert run.code == 2
        assert "is no health file" in run.err
        assert path.read_text() == mine


@root_only
def test_a_process_of_another_user_is_a_process(public_folder: Path) -> None:
    with subprocess.Popen(["sleep", "60"], user=54321) as process:
        write_health(str(public_folder / "health.json"), HEALTH)
        state = json.loads((public_folder / "health.json").read_bytes()) | {"pid": process.pid}
        (public_folder / "health.json").write_text(json.dumps(state))
        with nobody():
            is_alive, words = judge_health(str(public_folder / "health.json"))
        process.kill()
    assert is_alive, words


@needs_proc
def test_a_file_that_comes_later_is_not_replaced_either(photos: Path, tmp_path: Path) -> None:
    health = tmp_path / "health.json"
    with watching("--health", str(health), photos) as watch:
        soon(watch, health.exists)
        (tmp_path / "mine").write_text("precious")
        (tmp_path / "mine").rename(health)
        await_event(watch, "error")
        assert "is no health file" in events(watch, "error")[0]["message"]
        assert health.read_text() == "precious"
        health.unlink()
        await_event(watch, "health")
        soon(watch, health.exists)


def test_the_command_is_quick(tmp_path: Path) -> None:
    loaded = "import sys, thumbnailer.watcher.health.health_file; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60)
    assert not {"watchdog", "PIL", "multiprocessing"} & set(run.stdout.split())
