"""The Containerfile: built where that is possible, and else as far as it can be checked without."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
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
from support.project import CONTAINERFILE, PROJECT
from support.waiting import eventually

from thumbnailer.cli.parser import parse_args

INSTRUCTIONS = {"FROM", "COPY", "RUN", "USER", "VOLUME", "CMD", "HEALTHCHECK"}
HEALTH = "/tmp/health.json"


def instructions() -> list[tuple[str, str]]:
    """Each instruction and its arguments; a line that ends with a backslash goes on."""
    lines = CONTAINERFILE.read_text().replace("\\\n", " ").splitlines()
    parts = (line.partition(" ") for line in lines if not line.startswith("#"))
    return [(name, rest.strip()) for name, _, rest in parts]


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
    user, _, group = the("USER").partition(":")
    assert user == group != "0"
    assert f"useradd --uid {user}" in the("RUN")
    options = the("HEALTHCHECK").partition(" CMD ")[0].split()
    assert all(re.fullmatch(r"--(interval|timeout|start-period)=\d+s|--retries=\d", one)
               for one in options)  # fmt: skip


def test_what_it_installs_is_there_for_its_python() -> None:
    install, _, _ = the("RUN").partition(" && ")
    (package,) = (word for word in shlex.split(install) if word.startswith("/"))
    folder, _, extras = package.rstrip("]").partition("[")
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) < {*project["optional-dependencies"]}
    version = the("FROM").removeprefix("python:").removesuffix("-slim")
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]
    for name, rest in instructions():
        if name == "COPY":
            assert rest.split()[-1].startswith(folder)


@pytest.mark.slow
@pytest.mark.extra
def test_what_it_copies_is_enough_to_build_the_package(tmp_path: Path) -> None:
    pytest.importorskip("build", reason="build, of the extra `lint`, is not installed")
    for name, rest in instructions():
        *sources, target = rest.split()
        if name == "COPY":
            place = tmp_path / target.lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            for source in (PROJECT / one for one in sources):
                if source.is_dir():
                    shutil.copytree(source, place, dirs_exist_ok=True)
                else:
                    shutil.copy(source, place)
    words = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path)]
    subprocess.run([*words, str(tmp_path / "src")], check=True, timeout=200, capture_output=True)
    assert [*tmp_path.glob("*.whl")]


@pytest.mark.extra
@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed")
def test_a_linter_has_nothing_to_say() -> None:
    words = ["hadolint", "--no-color", str(CONTAINERFILE)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow
@pytest.mark.timeout(700)
@pytest.mark.parametrize("builder", ["docker", "podman"])
def test_it_is_built_as_the_page_says_where_there_is_a_builder(builder: str) -> None:
    if not shutil.which(builder):
        pytest.skip(f"{builder} is not installed")
    have = [builder, "pull", the("FROM")]
    if subprocess.run(have, capture_output=True, timeout=280).returncode:
        pytest.skip(f"{builder} does not run, or gets no {the('FROM')}")
    _, *build = shlex.split(block("docker build -t").first_line)
    named = [word if word != "thumbnailer" else "thumbnailer-of-tests" for word in build]
    subprocess.run([builder, *named], cwd=PROJECT, check=True, timeout=280)
    try:
        shown = [builder, "run", "--rm", "thumbnailer-of-tests", "thumbnailer", "--version"]
        done = subprocess.run(shown, check=True, capture_output=True, text=True, timeout=60)
        assert done.stdout.strip()
    finally:
        subprocess.run([builder, "rmi", "--force", "thumbnailer-of-tests"], timeout=60)


def test_the_command_is_one_of_ours_and_watches_the_volume() -> None:
    program, *words = json.loads(the("CMD"))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert program in project["scripts"]
    arguments = parse_args(words)
    assert (arguments.command, arguments.source) == ("watch", [the("VOLUME")])
    assert arguments.health == HEALTH
    _, plain = block("docker build -t").lines
    strict = block("docker run").text.replace("\\\n", "")
    again = block("docker build --pull").first_line
    assert again.replace(" --pull", "") == block("docker build -t").first_line
    for run in (plain, strict):
        assert f"~/Pictures:{the('VOLUME')}" in shlex.split(run)
    assert HEALTH.startswith(f"{shlex.split(strict)[shlex.split(strict).index('--tmpfs') + 1]}/")


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
