"""The Containerfile of the help pages, as far as it can be checked where no container is built."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.marks import root_only
from support.pages import block
from support.pictures import tree
from support.program import THUMBNAILER
from support.project import PROJECT
from support.waiting import eventually

from thumbnailer.cli.parser import parse_args

FILE = block("FROM python:3.13-slim")
INSTRUCTIONS = {"FROM", "COPY", "RUN", "USER", "VOLUME", "CMD", "HEALTHCHECK"}
HEALTH = "/tmp/health.json"


def instructions() -> list[tuple[str, str]]:
    """Each instruction and its arguments; a line that ends with a backslash goes on."""
    lines = FILE.text.replace("\\\n", " ").splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def the(name: str) -> str:
    (found,) = (rest for known, rest in instructions() if known == name)
    return found


def health_check() -> list[str]:
    return list(json.loads(the("HEALTHCHECK").partition(" CMD ")[2]))


def is_healthy(health: Path) -> bool:
    """What the check says where the watch writes its file elsewhere."""
    program, *words = health_check()
    assert program == "thumbnailer"
    command = [*THUMBNAILER, *(word.replace(HEALTH, str(health)) for word in words)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, timeout=60).returncode == 0


@contextmanager
def command_running(pictures: Path, health: Path) -> Iterator[subprocess.Popen[str]]:
    """What the container runs, with folders of ours."""
    program, *words = json.loads(the("CMD"))
    assert program == "thumbnailer"
    places = {"/pictures": str(pictures), HEALTH: str(health)}
    process = subprocess.Popen(
        [*THUMBNAILER, *(places.get(word, word) for word in words)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_each_line_is_an_instruction() -> None:
    names = [name for name, _ in instructions()]
    assert set(names) == INSTRUCTIONS
    assert names[0] == "FROM"
    assert names.index("USER") > max(at for at, name in enumerate(names) if name == "RUN")
    assert the("USER") in "".join(rest for name, rest in instructions() if name == "RUN")
    assert the("USER") != "root"
    options = the("HEALTHCHECK").partition(" CMD ")[0].split()
    assert all(re.fullmatch(r"--(interval|timeout|start-period)=\d+s|--retries=\d", one)
               for one in options)  # fmt: skip


def test_what_it_installs_is_there_for_its_python() -> None:
    (install,) = (rest for _, rest in instructions() if "pip install" in rest)
    (package,) = (word for word in shlex.split(install) if word.startswith("/"))
    folder, _, extras = package.rstrip("]").partition("[")
    assert the("COPY") == f". {folder}"
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) < {*project["optional-dependencies"]}
    version = the("FROM").removeprefix("python:").removesuffix("-slim")
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]


def test_the_command_is_one_of_ours_and_watches_the_volume() -> None:
    program, *words = json.loads(the("CMD"))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert program in project["scripts"]
    arguments = parse_args(words)
    assert (arguments.command, arguments.source) == ("watch", [the("VOLUME")])
    assert arguments.health == HEALTH
    _, run = block("docker build").lines
    assert f"~/Pictures:{the('VOLUME')}" in shlex.split(run)


def test_the_health_check_follows_the_watch(photos: Path, tmp_path: Path) -> None:
    health = tmp_path / "health.json"
    tree(photos, "a.jpg")
    assert not is_healthy(health)
    with command_running(photos, health) as process:
        eventually(lambda: health.exists() and is_healthy(health), 30)
        told = json.loads(health.read_text())

        def aged(seconds: float) -> Path:
            stamp = datetime.now(datetime.fromisoformat(told["updated"]).tzinfo)
            older = tmp_path / "older.json"
            updated = (stamp - timedelta(seconds=seconds)).isoformat()
            older.write_text(json.dumps(told | {"updated": updated}))
            return older

        assert is_healthy(aged(5))
        assert not is_healthy(aged(16))
        assert not is_healthy(aged(-60))  # a clock that was set, or another machine's file
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not is_healthy(health)
    assert not is_healthy(aged(0))
    health.write_text(health.read_text()[:-20])
    assert not is_healthy(health)


@root_only
@pytest.mark.slow
@pytest.mark.parametrize("name", ["merged", "Büro \\ alt"])
def test_a_folder_of_the_image_itself_is_polled(tmp_path: Path, name: str) -> None:
    lower, upper, work, merged = (tmp_path / one for one in ("lower", "upper", "work", name))
    for folder in (lower, upper, work, merged):
        folder.mkdir()
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    words = ["mount", "-t", "overlay", "overlay", "-o", layers, str(merged)]
    if subprocess.run(words, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("may not mount an overlay")
    try:
        health = tmp_path / "health.json"
        with command_running(merged, health):
            eventually(lambda: health.exists() and "polling" in health.read_text(), 30)
    finally:
        subprocess.run(["umount", str(merged)], check=True)
