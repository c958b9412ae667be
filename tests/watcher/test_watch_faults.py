"""What is wrong around a watch is said once and clearly, and the watch goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from support.marks import needs_proc
from support.pictures import tree
from support.processes import start
from support.program import in_a_process
from support.watching import (
    WATCH,
    await_event,
    catches_up,
    errors,
    events,
    rows,
    shell,
    soon,
    starting_tree,
    stop,
    watching,
)

pytestmark = [pytest.mark.slow, needs_proc]


@pytest.mark.parametrize("bad", ["size = ", 'size = "huge"', "sighs = 3", None])
def test_settings_that_make_no_sense_leave_the_old_ones(
    photos: Path, tmp_path: Path, bad: str | None
) -> None:
    starting_tree(photos)
    config = tmp_path / "config.toml"
    config.write_text('size = "24x24"\n')
    with watching("--config", str(config), photos) as watch:
        catches_up(watch, "--size", "24x24", photos)
        if bad is None:
            config.unlink()
        else:
            config.write_text(bad)
        watch.process.send_signal(signal.SIGHUP)
        soon(watch, lambda: [row for row in events(watch, "error") if "config" in row["message"]])
        shell("cp ../else/new.jpg sub", photos)
        catches_up(watch, "--size", "24x24", photos)
        assert "Traceback" not in errors(watch)


def test_a_configuration_that_may_not_be_read_leaves_the_old_one(
    photos: Path, tmp_path: Path, restricted: tuple[str, ...]
) -> None:
    starting_tree(photos)
    config, health = tmp_path / "config.toml", tmp_path / "health.json"
    config.write_text('size = "24x24"\n')
    options = ["--config", str(config), "--health", str(health)]
    with watching(*options, photos, prefix=restricted) as watch:
        config.chmod(0)
        watch.process.send_signal(signal.SIGHUP)
        await_event(watch, "error")
        words = f"{config}: can't be read: Permission denied"
        (error,) = events(watch, "error")
        assert error["message"] == f"{words}; the settings stay as they were"
        soon(watch, lambda: json.loads(health.read_bytes())["last_error"] == words)
        shell("cp ../else/new.jpg sub", photos)
        catches_up(watch, "--size", "24x24", photos)
        config.chmod(0o600)
        watch.process.send_signal(signal.SIGHUP)
        await_event(watch, "reloaded")
        assert len(events(watch, "error")) == 1


def test_a_health_file_that_cannot_be_written_is_told_of_and_stops_nothing(
    photos: Path, tmp_path: Path
) -> None:
    starting_tree(photos)
    health = tmp_path / "nowhere" / "health.json"
    with watching("--health", str(health), photos) as watch:
        assert rows(watch)[0]["event"] == "error"
        assert str(health) in rows(watch)[0]["message"]
        shell("cp ../else/new.jpg .", photos)
        catches_up(watch, photos)
        assert len(events(watch, "error")) == 1
        health.parent.mkdir()
        await_event(watch, "health")
        soon(watch, health.exists)
        health.unlink()
        health.mkdir()
        await_event(watch, "error", 2)


def test_a_health_file_that_may_not_be_written_is_told_of_once(
    photos: Path, tmp_path: Path, restricted: tuple[str, ...]
) -> None:
    starting_tree(photos)
    folder = tmp_path / "of others"
    folder.mkdir(0o555)
    health = folder / "health.prom"
    with watching("--health", str(health), photos, prefix=restricted) as watch:
        shell("cp ../else/new.jpg .", photos)
        catches_up(watch, photos)
        (error,) = events(watch, "error")
        assert error["message"] == f"--health {health}: Permission denied"
        folder.chmod(0o755)
        await_event(watch, "health")
        soon(watch, health.exists)


@pytest.fixture
def without_sandbox(tmp_path: Path) -> tuple[str, ...]:
    """A prefix to a command for which there is no sandbox."""
    (tmp_path / "landlockpy.py").write_text("raise ImportError")
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    return ("env", f"PYTHONPATH={os.pathsep.join(paths)}")


def test_that_there_is_no_sandbox_is_told_at_the_start(
    photos: Path, without_sandbox: tuple[str, ...]
) -> None:
    starting_tree(photos)
    with watching(photos, prefix=without_sandbox) as watch:
        catches_up(watch, photos)
        assert rows(watch)[0]["event"] == "note"
        assert rows(watch)[0]["message"].startswith("workers have no sandbox: ")
        assert len(events(watch, "note")) == 1
    with watching("--sandbox", "off", photos, prefix=without_sandbox) as watch:
        assert not events(watch, "note")


def test_one_that_is_required_is_needed_to_start(
    photos: Path, tmp_path: Path, without_sandbox: tuple[str, ...]
) -> None:
    starting_tree(photos)
    required = ("watch", "--sandbox", "require", photos)
    run = in_a_process(*required, prefix=without_sandbox)
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith("thumbnailer: the sandbox that is required can't be had: ")
    config = tmp_path / "config.toml"
    config.write_text('size = "24x24"\n')
    with watching("--config", str(config), photos, prefix=without_sandbox) as watch:
        config.write_text('sandbox = "require"\n')
        watch.process.send_signal(signal.SIGHUP)
        await_event(watch, "error")
        assert events(watch, "error")[0]["message"].endswith("; the settings stay as they were")
        shell("cp ../else/new.jpg sub", photos)
        catches_up(watch, "--size", "24x24", photos)


@pytest.mark.parametrize("journal", ["stderr", "another"])
def test_the_journal_of_systemd_adds_the_time_itself(photos: Path, journal: str) -> None:
    """It names its stream by device and inode: systemd.exec(5)."""
    tree(photos, "a.jpg")
    code = "import os; s = os.fstat(2); print(f'{s.st_dev}:{s.st_ino}')"
    stream = f"$('{sys.executable}' -c \"{code}\")" if journal == "stderr" else "1:2"
    script = f'JOURNAL_STREAM={stream} exec "$0" "$@"'
    options = [word for word in WATCH if word != "--json"]
    with start("sh", "-c", script, *options, "--verbose", photos) as watch:
        soon(watch, lambda: "ready: " in errors(watch))
        soon(watch, lambda: "made: " in watch.printed())
        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(60) == 0
        for line in [*errors(watch).splitlines(), *watch.printed().splitlines()]:
            assert re.match(r"[a-z]+: |\d{4}-\d\d-\d\dT", line)
            assert line[0].isalpha() == (journal == "stderr")
    tree(photos, "b.jpg")
    with start("sh", "-c", script, *WATCH, photos) as watch:
        await_event(watch, "ready")
        assert {"made"} == {row["status"] for row in rows(watch) if "source" in row}
        assert all(row["time"] for row in rows(watch)), "rows are data"
        stop(watch)
