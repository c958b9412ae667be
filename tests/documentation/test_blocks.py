"""Each block of code on the pages that people read is run, or held against what happens."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path

import pytest
from support import scenes, walk
from support.pages import README, block, blocks, page
from support.pictures import files_below, picture, tree
from support.program import thumbnailer
from support.project import PROJECT

from thumbnailer import Settings

COMMANDS = [
    "pip install . && thumbnailer make sample_images --config config.toml",
    "pip install '.[test]' && pytest",
]

# Lines of JSON by their beginning, with the command that prints such, and what that needs.
ROWS: dict[str, tuple[str, Callable[[Path], None]]] = {
    '{"thumbnail": ': ("prune photos --json", scenes.with_an_orphan),
    '{"source": ': ("make photos --json", scenes.with_a_text),
    '{"page": ': ("gallery photos --json", scenes.with_a_gallery),
}

# What Python code prints where there are the pictures of `scenes.with_pictures`.
PYTHON = {
    "from thumbnailer import make_thumbnails": [r"1 0 \[\]"],
    "from thumbnailer import Settings, iter_thumbnails, make_thumbnail, make_thumbnails": [
        r"1 0 \[\]",
        r"(a.jpg|b.png) made \(Thumbnail\(path='thumbs/.*\),\) None",
        r"(a.jpg|b.png) made \(Thumbnail\(path='thumbs/.*\),\) None",
    ],
    "from thumbnailer import make_sizes, make_thumbnail": [
        "image/webp 64 43 True",
        "small jpeg 32",
        "large png 80",
    ],
    "from queue import Queue": [r"(a.jpg|b.png) made", r"(a.jpg|b.png) made"],
    "import asyncio": ["64 43", "64 43"],
    "import threading": [r"photos/c.jpg made"],
    "from thumbnailer import status, verify": [
        r"0 0 1 0 0",
        r"photos/thumbs/c.jpg fixed has not been made",
    ],
}

# The first line of each other block, with the test that it has.
OTHERS = {
    COMMANDS[0]: "test_the_two_commands_are_on_the_first_screen_and_checked_before_a_change_lands",
    "12 found, 12 made, 0 current in 0.6 s": "test_the_first_command_says_what_is_shown",
    "12 found, 0 made, 12 current; nothing to do": "test_the_first_command_says_what_is_shown",
    "[sizes.small]": "test_sizes_with_names",
    "[watch]": "test_a_table_for_a_watch",
    "61 found, 60 made, 0 current, 1 failed in 0.8 s": "test_a_report_looks_as_shown",
    "failed: photos/1.jpg": "test_many_failures_look_as_shown",
    "[Unit]": "test_units.py",
    "[Service]": "test_units.py",
    "systemctl enable --now thumbnailer-make.timer": "test_units.py",
    "sed -i 's|/srv/photos|": "test_units.py",
    "groupadd photos": "test_units.py",
    "# docker build": "test_container.py",
    "docker build": "test_container.py",
    "docker run": "test_container.py",
    "pip install '.[docs]'": "test_api.py",
    "from thumbnailer import freeze_support, make_thumbnails": "test_surroundings.py",
    "python3 -m venv /opt/thumbnailer": "test_built_files.py",
    "pip install batch-thumbnailer": "test_built_files.py",
    "pip install --upgrade batch-thumbnailer": "test_built_files.py",
    "thumbnailer clean ~/Pictures": "test_built_files.py",
    "systemctl stop thumbnailer": "test_built_files.py",
    "systemctl disable --now thumbnailer": "test_built_files.py",
    "pip install 'batch-thumbnailer[s3]'": "test_bucket.py",
    "s3://bucket/photos/2024/a.jpg": "test_bucket.py",
    "hours    = pictures": "test_bucket_scale.py",
    "thumbnailer make s3://bucket/photos --output s3://bucket/thumbs --shard": (
        "test_shard_of_bucket.py"
    ),
    "export RAY_AUTH_MODE=token": "test_cluster.py",
    "thumbnailer make /srv/photos": "test_cluster.py",
    "setup_commands:": "test_cluster.py",
    "from flask import": "test_recipes.py",
    "from django.http import": "test_recipes.py",
    "from fastapi import": "test_recipes.py",
    "from celery import": "test_recipes.py",
    "from IPython.display import": "test_recipes.py",
    "python -m tests.bench": "test_the_benchmark_has_these_options",
    "python3 -m venv .venv": "test_development_is_what_is_checked_before_a_change_lands",
    "scan → plan → pool → render": "test_the_line_of_the_house_is_the_readme_s",
    '{"Version"': "test_rights.py",
}
DIAGRAM = "SOURCE... ──▶ scan"
TESTS = re.compile(r"\d+ passed, \d+ skipped in \d")


def test_every_block_has_its_test() -> None:
    """But for commands, which test_walk.py runs."""
    known = {*PYTHON, *ROWS, *OTHERS, DIAGRAM}
    first_lines = [one.first_line.strip() for one in blocks()]
    others = [one.first_line.strip() for one in blocks() if not walk.is_of_commands(one)]
    for line in others:
        assert TESTS.match(line) or any(map(line.startswith, known)), f"has no test: {line}"
    for start in known:
        assert any(line.startswith(start) for line in first_lines), start
    for name in OTHERS.values():
        assert name in globals() or [*(PROJECT / "tests").rglob(name)]


@pytest.mark.parametrize("start", ROWS)
def test_json_is_as_shown(start: str, tmp_path: Path) -> None:
    command, prepare = ROWS[start]
    prepare(tmp_path)
    _, printed = walk.run(f"thumbnailer {command}", tmp_path)

    def rows(lines: list[str]) -> list[str]:  # up to numbers, and to which of two was slower
        measured = r'(?<=: )[\d.]+|(?<="placeholder": )"[^"]{24,36}"'
        found = [json.loads(re.sub(measured, "0", line)) for line in lines]
        for row in found:
            row.get("summary", {}).get("slowest", []).sort(key=itemgetter("source"))
        return sorted(map(json.dumps, found))

    assert printed
    assert rows(printed.splitlines()) == rows(block(start).lines)


@pytest.mark.parametrize("first_line", PYTHON)
def test_python_code_runs(first_line: str, tmp_path: Path) -> None:
    scenes.with_pictures(tmp_path)
    code = block(first_line).text
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    for line, expected in zip(done.stdout.splitlines(), PYTHON[first_line], strict=True):
        assert re.fullmatch(expected, line)


def test_the_two_commands_are_on_the_first_screen_and_checked_before_a_change_lands() -> None:
    first_screen = README.splitlines()[:25]
    script = (PROJECT / ".ci" / "run").read_text().splitlines()
    for command in COMMANDS:
        assert f"    {command}" in first_screen
    assert script.count("pip install --quiet . && " + COMMANDS[0].partition("&& ")[2]) == 1
    assert script.count("pip install --quiet '.[test]' && pytest") == 1


def test_the_first_command_says_what_is_shown(tmp_path: Path) -> None:
    shown = "12 found, 12 made, 0 current in 0.6 s"
    assert f"    {shown}" in README
    arguments = ("make", "sample_images", "--config", "config.toml", "-o", tmp_path / "out")
    run = thumbnailer(*arguments, cwd=PROJECT)
    assert re.sub(r"[\d.]+ s", "0.6 s", run.out.strip()) == shown
    again = thumbnailer(*arguments, cwd=PROJECT)
    assert f"    {again.out.strip()}" in README


def test_many_failures_look_as_shown(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(500):
        (tmp_path / "photos" / f"{number}.jpg").write_text("text")
    printed = thumbnailer("make", "photos", cwd=tmp_path).err.splitlines()
    shown = block("failed: photos/1.jpg").lines
    assert [re.sub(r"\d+\.", "N.", line) for line in printed] == [
        re.sub(r"\d+\.", "N.", line) for line in shown
    ]


def test_a_report_looks_as_shown(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    tree(photos, *(f"day {number % 2}/{number}.jpg" for number in range(4)))
    broken = picture(photos / "broken.jpg", (300, 300))
    broken.write_bytes(broken.read_bytes()[:-500])

    def shape(lines: list[str]) -> list[str]:
        texts = (re.sub(r"\d[\d.,]*|\b[kM]B\b|bytes|seconds?|minutes", "N", line) for line in lines)
        return [re.sub(r"photos/.*", "photos/N", text) for text in texts]

    report = thumbnailer("make", "photos", "-v", cwd=tmp_path).out.splitlines()[-6:]
    assert shape(report) == shape(block("61 found").lines)


def test_sizes_with_names(tmp_path: Path) -> None:
    scenes.with_pictures(tmp_path)
    config = tmp_path / "config.toml"
    config.write_text(block("[sizes.small]").text)
    assert thumbnailer("make", "photos", "-c", config, "-o", "DIR", cwd=tmp_path).code == 0
    assert files_below(tmp_path / "DIR") == {"small/c.jpg", "retina/c.jpg.webp"}
    spelt = re.search(r"From Python that is\s`(sizes=.*?)`", page("make"))
    assert spelt
    assert eval(f"Settings({spelt[1]})", {"Settings": Settings}) == Settings(
        **tomllib.loads(config.read_text())
    )


def test_a_table_for_a_watch(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(block("[watch]").text)
    printed = thumbnailer("config", "--config", config).out
    shown = tomllib.loads(config.read_text())
    assert tomllib.loads(printed)["watch"] == shown["watch"]


@pytest.mark.skipif(not shutil.which("inotifywait"), reason="needs inotifywait")
def test_lists_are_piped_as_shown(tmp_path: Path) -> None:
    """That which goes on for ever: `test_walk.py` runs the others."""
    (line,) = (one for one in block("find ~/Pictures").lines if one.startswith("inotifywait"))
    scenes.with_pictures(tmp_path)
    command = f"timeout 5 {line} & sleep 2; cp a.jpg Pictures; wait"
    code, printed = walk.run(command, tmp_path)
    assert code == 0, printed
    assert re.search(r"^1 found, 1 made", printed, re.MULTILINE), printed


def test_the_line_of_the_house_is_the_readme_s() -> None:
    words = block("scan → plan").first_line.split(" → ")
    assert words == re.findall(r"──▶ (\w+)", block(DIAGRAM).first_line)


@pytest.mark.parametrize("what", ["", "scale"])
def test_the_benchmark_has_these_options(what: str) -> None:
    shown = [line.partition("#")[0].split() for line in block("python -m tests.bench  ").lines]
    lines = [words for words in shown if (words[3:4] == ["scale"]) == bool(what)]
    assert lines
    words = [sys.executable, "-m", "tests.bench", *filter(None, [what]), "--help"]
    told = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=60).stdout
    for option in (word for line in lines for word in line if word.startswith("--")):
        assert option in told


def test_development_is_what_is_checked_before_a_change_lands() -> None:
    script = (PROJECT / ".ci" / "run").read_text().splitlines()
    _, install, *lines = block("python3 -m venv .venv").lines
    assert install.replace("-e ", "--quiet ") in script
    for line in lines:
        for command in line.partition("#")[0].strip().split(" && "):
            assert any(one == command or one.endswith(f"&& {command}") for one in script), command
