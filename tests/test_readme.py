"""What the README shows is what happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import make, picture, thumbnailer, tree

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text()
COMMANDS = [
    "pip install . && thumbnailer make sample_images --config config.toml",
    "pip install '.[test]' && pytest",
]


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


def test_the_python_examples_run(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "b.png", "photos/c.jpg")
    batch, watch = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    report, *outcomes = _printed_by(batch, tmp_path)
    assert report == "1 0 []"
    assert {line.split()[0] for line in outcomes} == {"a.jpg", "b.png"}
    tree(tmp_path, "photos/d.jpg")
    assert _printed_by(watch, tmp_path) == ["photos/d.jpg made"]


def _printed_by(code: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_run_with_broken_files_looks_as_shown(tmp_path: Path) -> None:
    photos = tree(tmp_path / "photos", "a.jpg", "b.jpg")
    (photos / "notes.png").write_text("text")
    broken = picture(photos / "broken.jpg", (300, 300))
    broken.write_bytes(broken.read_bytes()[:-31])
    run = thumbnailer("make", "photos", cwd=tmp_path)
    text = re.search(r"\$ thumbnailer make photos\n(.*?)\n\n", README, re.DOTALL)
    assert text
    shown = [line.strip() for line in text[1].splitlines()]

    def numberless(lines: list[str]) -> set[str]:
        return {re.sub(r"[\d.]+", "N", line) for line in lines}

    assert numberless([*run.err.splitlines(), *run.out.splitlines()]) == numberless(shown)


def test_a_report_looks_as_shown(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    tree(photos, *(f"day {number % 2}/{number}.jpg" for number in range(4)))
    broken = picture(photos / "broken.jpg", (300, 300))
    broken.write_bytes(broken.read_bytes()[:-500])

    def shape(lines: list[str]) -> list[str]:
        texts = (re.sub(r"\d[\d.,]*|\b[kM]B\b|bytes|seconds?|minutes", "N", line) for line in lines)
        return [re.sub(r"photos/.*", "photos/N", text) for text in texts]

    def shown(words: str, count: int) -> list[str]:
        lines = README[README.index(f"\n    {words}") + 1 :].splitlines()
        return [line.removeprefix("    ") for line in lines[:count]]

    planned = thumbnailer("make", "photos", "-n", cwd=tmp_path).out.splitlines()[-2:]
    assert shape(planned) == shape(shown("12345 found", 2))
    report = thumbnailer("make", "photos", "-v", cwd=tmp_path).out.splitlines()[-6:]
    assert shape(report) == shape(shown("61 found", 6))


def test_a_word_that_is_not_known_looks_as_shown(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    said = thumbnailer("make", "holidya", cwd=tmp_path).err
    assert f"    $ thumbnailer make holidya\n    {said}" in README


def test_the_summary_in_json_has_the_keys_shown(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg")
    (tmp_path / "notes.png").write_text("text")
    (line,) = re.findall(r"^    (\{\"summary\": \{\"found\".*)$", README, re.MULTILINE)
    assert [*json.loads(line)["summary"]] == [*make(tmp_path).summary]


def test_pruning_looks_as_shown(tmp_path: Path) -> None:
    photos = tree(tmp_path / "photos", "a.jpg", "b.jpg", "c.jpg", "old.jpg")
    thumbnailer("make", "photos", cwd=tmp_path)
    (photos / "old.jpg").unlink()
    run = thumbnailer("prune", "photos", "-v", cwd=tmp_path)
    text = re.search(r"\$ thumbnailer prune photos -v\n(.*?)\n\n", README, re.DOTALL)
    assert text
    shown = [re.sub(r"[\d.]+ s", "N s", line.strip()) for line in text[1].splitlines()]
    assert [re.sub(r"[\d.]+ s", "N s", line) for line in run.out.splitlines()] == shown


@pytest.mark.parametrize("command", ["make", "prune"])
def test_every_option_is_in_the_table(command: str) -> None:
    text = thumbnailer(command, "--help").out.replace("--[no-]", "--")
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text)) - {"-h", "--help"}
    assert options
    section = README.partition(f"## Options of `thumbnailer {command}")[2].partition("\n## ")[0]
    for option in options:  # what can be switched on and off is in the table once
        off = option.replace("--", "--no-", 1)
        assert any(f"`{spelt}" in section for spelt in (option, off, option.replace("no-", ""))), (
            off
        )


def test_the_files_named_are_there() -> None:
    named = re.search(r"downwards in this list:\n(.*?)\n\n", README, re.DOTALL)
    assert named
    for name in re.findall(r"`(\w+/?)`", named[1]):
        path = PROJECT / "thumbnailer" / name
        assert path.is_dir() or path.with_suffix(".py").exists(), name


def test_every_test_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", README))
    tests = "".join(path.read_text() for path in (PROJECT / "tests").glob("test_*.py"))
    assert len(named) > 30
    assert {name for name in named if f"\ndef {name}(" not in tests} == set()


def test_every_exit_code_is_explained() -> None:
    for code in ("0", "1", "2", "3", "130, 143"):
        assert re.search(rf"^\| {code} \|", README, re.MULTILINE)
