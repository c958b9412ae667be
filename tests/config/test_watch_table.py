"""The table `[watch]` of a configuration."""

from __future__ import annotations

import json
import os
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest
from support.marks import needs_proc
from support.pictures import picture, tree
from support.processes import start
from support.program import THUMBNAILER, make, thumbnailer
from support.watching import (
    await_event,
    events,
    of_source,
    soon,
    starting_tree,
    stop,
    watching,
)

from thumbnailer import Settings


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[watch]\nsettle = 0", "c.toml:2: settle = 0: must be a number of seconds above 0"),
        ('[watch]\nrescan = "often"', 'c.toml:2: rescan = "often": must be a number of seconds'),
        ("[watch]\npoll = true", "c.toml:2: poll = true: must be a number of seconds"),
        ("[watch]\nkeep_orphans = 1", "c.toml:2: keep_orphans = 1: must be true or false"),
        ('[watch]\ngallery = "yes"', 'c.toml:2: gallery = "yes": must be true or false'),
        ('[watch]\nhealth = ""', 'c.toml:2: health = "": must be the path of a file'),
        ("[watch]\nsetle = 1", "there is no such setting; did you mean settle?"),
        ("[wacth]\nsettle = 1", "there is no such setting; did you mean watch?"),
        ("settle = 1", "settle = 1: belongs in the table [watch]"),
        ("watch = 1", "watch = 1: must be a table of settle, rescan, poll, keep_orphans, "),
    ],
)
def test_what_is_wrong_in_it_is_told_as_of_other_settings(
    photos: Path, content: str, complaint: str
) -> None:
    (photos / "c.toml").write_text(content)
    for command in ("watch", "make", "config"):
        words = [photos] if command != "config" else []
        run = thumbnailer(command, *words, "--config", photos / "c.toml")
        assert (run.code, run.out) == (2, "")
        assert run.err.startswith(f"thumbnailer: {photos}/c.toml:")
        assert complaint in run.err
        assert run.err.count("\n") == 1


def test_other_commands_ignore_it(photos: Path) -> None:
    tree(photos, "a.jpg")
    config = photos / "c.toml"
    config.write_text('size = 50\n[watch]\ngallery = true\nhealth = "nowhere/health.json"\n')
    run = make(photos, "--config", config)
    assert (run.code, run.err, run.summary["made"]) == (0, "", 1)
    assert not list(photos.rglob("*.html"))
    assert Settings.from_file(config) == Settings(size=50)


def test_it_is_printed_as_it_was(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('[watch]\nsettle = 5\npoll = 0.5\ngallery = true\nhealth = "a\\"b"\n')
    printed = thumbnailer("config", "--config", config).out
    table = tomllib.loads(printed)["watch"]
    assert table == {"settle": 5.0, "poll": 0.5, "gallery": True, "health": 'a"b'}
    config.write_text(printed)
    assert thumbnailer("config", "--config", config).out == printed


def test_the_example_is_a_table(tmp_path: Path) -> None:
    lines = thumbnailer("config").out.partition("# [watch]\n")[2].splitlines()
    config = tmp_path / "c.toml"
    config.write_text("\n".join(["[watch]", *(line.removeprefix("# ") for line in lines)]))
    table = tomllib.loads(thumbnailer("config", "--config", config).out)["watch"]
    assert table.keys() == {"settle", "rescan", "poll", "keep_orphans", "gallery", "health"}


def state(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_options_override_it(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    config = tmp_path / "c.toml"
    config.write_text("[watch]\nkeep_orphans = true\ngallery = true\n")
    options = "--config", str(config), "--no-keep-orphans", "--no-gallery"
    with watching(*options, photos) as watch:
        (photos / "a.jpg").unlink()
        soon(watch, lambda: of_source(watch, photos / "a.jpg")[-1:] == ["removed"])
        assert not (photos / "thumbs" / "index.html").exists()


@pytest.mark.slow
@needs_proc
def test_a_watch_reads_it_again_on_sighup(photos: Path, tmp_path: Path) -> None:
    starting_tree(photos)
    config, one, other = (tmp_path / name for name in ("c.toml", "one.json", "other.json"))
    config.write_text(f'[watch]\nkeep_orphans = true\nhealth = "{one}"\n')
    with watching("--config", str(config), photos) as watch:
        soon(watch, lambda: state(one)["status"] == "idle")
        assert state(one)["mode"] == "inotify"
        (photos / "a.jpg").unlink()
        (tmp_path / "mine.txt").write_text("precious")
        config.write_text(f'[watch]\nhealth = "{tmp_path / "mine.txt"}"\n')
        watch.process.send_signal(signal.SIGHUP)
        await_event(watch, "error")
        message = events(watch, "error")[0]["message"]
        assert message.endswith(
            "is no health file, so it is not replaced; the settings stay as they were"
        )
        assert (tmp_path / "mine.txt").read_text() == "precious"
        config.write_text(f'[watch]\npoll = 0.2\ngallery = true\nhealth = "{other}"\n')
        watch.process.send_signal(signal.SIGHUP)
        await_event(watch, "reloaded")
        soon(watch, lambda: other.exists() and state(other)["mode"] == "polling")
        assert state(one)["status"] == "stopped"
        soon(watch, lambda: (photos / "thumbs" / "index.html").exists())
        (photos / "b.png").unlink()
        soon(watch, lambda: of_source(watch, photos / "b.png")[-1] == "removed")
        config.write_text("")
        watch.process.send_signal(signal.SIGHUP)
        await_event(watch, "reloaded", 2)
        soon(watch, lambda: state(other)["status"] == "stopped")


@pytest.mark.slow
@needs_proc
def test_the_command_line_wins(photos: Path, tmp_path: Path) -> None:
    starting_tree(photos)
    config, mine = tmp_path / "c.toml", tmp_path / "mine.json"
    config.write_text(f'[watch]\nsettle = 9\npoll = 60\nhealth = "{tmp_path / "its.json"}"\n')
    options = ["--config", str(config), "--health", str(mine), "--poll", "0.1"]
    with watching(*options, photos) as watch:
        assert state(mine)["mode"] == "polling"
        assert not (tmp_path / "its.json").exists()
        tree(photos, "new.jpg")
        soon(watch, lambda: of_source(watch, photos / "new.jpg") == ["made"], seconds=8)


@pytest.mark.slow
@needs_proc
def test_times_are_taken_from_it(photos: Path, tmp_path: Path) -> None:
    os.utime(picture(photos / "old.jpg"), (1e9, 1e9))
    config = tmp_path / "c.toml"
    config.write_text("[watch]\nsettle = 3600\nrescan = 0.2\n")
    with start(*THUMBNAILER, "watch", "--json", "--config", config, photos) as watch:
        await_event(watch, "rescan", 3, seconds=20)
        with (photos / "open.jpg").open("wb") as file:  # which no event says is complete
            file.write(picture(tmp_path / "whole.jpg").read_bytes())
            file.flush()
            await_event(watch, "rescan", len(events(watch, "rescan")) + 12)  # 2.4 s
            assert not of_source(watch, photos / "open.jpg")
        soon(watch, lambda: of_source(watch, photos / "open.jpg") == ["made"])
        stop(watch)
