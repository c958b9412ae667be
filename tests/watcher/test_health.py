"""The file by which a watch tells how it is doing."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from thumbnailer.watcher.health import Health, write_health

HEALTH = Health({"found": 3, "made": 2, "failed": 1}, 4, 1.5, 0, "inotify", "a.jpg: is text")


def test_it_says_all_there_is_to_say(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    write_health(str(path), HEALTH)
    state = json.loads(path.read_bytes())
    updated = datetime.fromisoformat(state.pop("updated"))
    assert updated.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - updated) < timedelta(minutes=1)
    assert state == {
        "counts": {"found": 3, "made": 2, "failed": 1},
        "backlog": 4,
        "oldest_pending_seconds": 1.5,
        "last_rescan": "1970-01-01T00:00:00+00:00",
        "mode": "inotify",
        "last_error": "a.jpg: is text",
    }


def test_before_the_first_rescan_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    write_health(str(path), replace(HEALTH, last_rescan=None, last_error=None))
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
    long = replace(HEALTH, last_error="x" * 100_000)
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
