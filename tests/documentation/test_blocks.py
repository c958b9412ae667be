"""Each block of code on the pages that people read is run, or held against what happens."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path

import pytest
from PIL import ExifTags, Image
from support.pages import README, block, blocks, page
from support.pictures import files_below, picture, tree
from support.program import THUMBNAILER, thumbnailer
from support.project import PROJECT
from support.waiting import eventually

from thumbnailer import Settings, make_thumbnails, write_gallery
from thumbnailer.cli.parser import parse_args

COMMANDS = [
    "pip install . && thumbnailer make sample_images --config config.toml",
    "pip install '.[test]' && pytest",
]


def with_broken_files(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b.jpg")
    (photos / "notes.png").write_text("text")
    broken = picture(photos / "broken.jpg", (300, 300))
    broken.write_bytes(broken.read_bytes()[:-31])


def with_a_changed_picture(folder: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    phone = picture(folder / "photos" / "phone.jpg", (640, 480), exif=exif)
    make_thumbnails(folder / "photos")
    os.utime(phone, (1, 1))


def with_an_orphan(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b.jpg", "c.jpg", "old.jpg")
    make_thumbnails(photos)
    (photos / "old.jpg").unlink()


def with_all_of_these(folder: Path) -> None:
    with_broken_files(folder)
    photos = tree(folder / "photos", "old.jpg")
    with_a_changed_picture(folder)
    (photos / "old.jpg").unlink()
    tree(photos, "new.jpg")


def with_another_format(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b.jpg", "c.jpg")
    make_thumbnails(photos)
    make_thumbnails(photos, format="webp")


def with_damaged_thumbnails(folder: Path) -> None:
    make_thumbnails(tree(folder / "photos", "a.jpg", "b.jpg", "c.jpg", "d.jpg"))
    os.truncate(folder / "photos" / "thumbs" / "a.jpg", 100)
    (folder / "photos" / "thumbs" / "b.jpg").unlink()


def with_a_text(folder: Path) -> None:
    picture(folder / "photos" / "a.jpg", (600, 400))
    (folder / "photos" / "notes.png").write_text("text")


def with_a_gallery(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b/c.jpg")
    (photos / "notes.png").write_text("text")
    make_thumbnails(photos)


def with_thumbnails_and_a_page(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b.jpg", "2026/c.jpg")
    make_thumbnails(photos)
    write_gallery(photos)


def with_uploads(folder: Path) -> None:
    picture(folder / "uploads" / "a.jpg").rename(folder / "uploads" / "xtapjj")
    (folder / "uploads" / "7xq2k").write_bytes(b"%PDF-1.7\n")


def with_a_list(folder: Path) -> None:
    tree(folder, "uploads/1/photo.jpg", "uploads/2/photo.jpg", "uploads/3/photo.jpg")
    (folder / "new.txt").write_text("1/photo.jpg\n2/photo.jpg\n2/none.jpg\n")


def with_pictures(folder: Path) -> None:
    tree(folder, "a.jpg", "b.png", "photos/c.jpg", "Pictures/d.jpg")


# What is typed after a `$`, and the pictures that it needs; its output is as shown, up to times and
# lengths.
CONSOLE: dict[str, Callable[[Path], None]] = {
    "$ thumbnailer make photos": with_broken_files,
    "$ thumbnailer make uploads": with_uploads,
    "$ cat new.txt": with_a_list,
    "$ thumbnailer explain photos/phone.jpg": with_a_changed_picture,
    "$ thumbnailer status photos": with_all_of_these,
    "$ thumbnailer verify photos": with_damaged_thumbnails,
    "$ thumbnailer prune photos -v": with_an_orphan,
    "$ thumbnailer prune photos --stale": with_another_format,
    "$ thumbnailer clean photos --yes": with_thumbnails_and_a_page,
    "$ thumbnailer gallery photos": with_a_gallery,
}

# Lines of JSON by their beginning, with the command that prints such, and what that needs.
ROWS: dict[str, tuple[str, Callable[[Path], None]]] = {
    '{"thumbnail": ': ("prune photos --json", with_an_orphan),
    '{"source": ': ("make photos --json", with_a_text),
    '{"page": ': ("gallery photos --json", with_a_gallery),
}

# What Python code prints where there are the pictures of `with_pictures`.
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
    "thumbnailer make ~/Pictures": "test_a_folder_is_converted",
    "thumbnailer watch ~/Pictures": "test_a_folder_is_watched",
    "thumbnailer config > config.toml": "test_settings_are_printed",
    "[sizes.small]": "test_sizes_with_names",
    "[watch]": "test_a_table_for_a_watch",
    "61 found, 60 made, 0 current, 1 failed in 0.8 s": "test_a_report_looks_as_shown",
    "failed: photos/1.jpg": "test_many_failures_look_as_shown",
    "$ thumbnailer make ~/Pictures --dry-run": "test_a_report_looks_as_shown",
    "$ thumbnailer make holidya": "test_a_word_that_is_not_known_looks_as_shown",
    "thumbnailer completion bash": "test_the_scripts_for_completion_are_written_where_shown",
    "find ~/Pictures": "test_lists_are_piped_as_shown",
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
    "15 3 * * * /opt/thumbnailer/bin/thumbnailer": "test_a_line_of_cron",
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
    known = {*CONSOLE, *PYTHON, *ROWS, *OTHERS, DIAGRAM}
    first_lines = [one.first_line.strip() for one in blocks()]
    for line in first_lines:
        assert TESTS.match(line) or any(map(line.startswith, known)), line
    for start in known:
        assert any(line.startswith(start) for line in first_lines), start
    for name in OTHERS.values():
        assert name in globals() or [*(PROJECT / "tests").rglob(name)]


def shell(line: str, folder: Path) -> tuple[int, str]:
    """A line as a user types it, whose home is the folder: its exit code and all that it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        env=os.environ | {"HOME": str(folder), "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout


def unmeasured(lines: list[str]) -> list[str]:
    """Lines without times and lengths, sorted: those of several workers come in any order."""
    return sorted(re.sub(r"[\d.]+ (s|bytes|kB)\b", "N", line) for line in lines)


@pytest.mark.parametrize("first_line", CONSOLE)
def test_commands_print_what_is_shown(first_line: str, tmp_path: Path) -> None:
    CONSOLE[first_line](tmp_path)
    for command, shown in block(first_line).commands:
        _, printed = shell(command, tmp_path)
        assert unmeasured(printed.splitlines()) == unmeasured(shown)


@pytest.mark.parametrize("start", ROWS)
def test_json_is_as_shown(start: str, tmp_path: Path) -> None:
    command, prepare = ROWS[start]
    prepare(tmp_path)
    _, printed = shell(f"thumbnailer {command}", tmp_path)

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
    with_pictures(tmp_path)
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


def test_a_folder_is_converted(tmp_path: Path) -> None:
    with_pictures(tmp_path)
    for command in block("thumbnailer make ~/Pictures").lines:
        assert shell(command, tmp_path)[0] == 0
    assert {"Pictures/thumbs/d.jpg", "Sites/thumbs/d.jpg.webp"} <= files_below(tmp_path)


def test_a_folder_is_watched(tmp_path: Path) -> None:
    with_pictures(tmp_path)
    (command,) = block("thumbnailer watch ~/Pictures").lines
    program, *words = command.replace("~", str(tmp_path)).split()
    assert program == "thumbnailer"
    process = subprocess.Popen([*THUMBNAILER, *words], stderr=subprocess.DEVNULL)
    try:
        eventually((tmp_path / "Pictures" / "thumbs" / "d.jpg").exists, 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()


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

    planned = thumbnailer("make", "photos", "-n", cwd=tmp_path).out.splitlines()[-2:]
    assert shape(planned) == shape(block("$ thumbnailer make ~/Pictures --dry-run").lines[-2:])
    report = thumbnailer("make", "photos", "-v", cwd=tmp_path).out.splitlines()[-6:]
    assert shape(report) == shape(block("61 found").lines)


def test_a_word_that_is_not_known_looks_as_shown(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    said = thumbnailer("make", "holidya", cwd=tmp_path).err
    assert block("$ thumbnailer make holidya").lines[1:] == said.splitlines()


def test_the_scripts_for_completion_are_written_where_shown(tmp_path: Path) -> None:
    for line in block("thumbnailer completion bash").lines:
        command = line.partition("#")[0].strip()
        target = tmp_path / command.partition("~/")[2]
        target.parent.mkdir(parents=True)
        assert shell(command, tmp_path) == (0, "")
        assert "thumbnailer" in target.read_text()


def test_settings_are_printed(tmp_path: Path) -> None:
    (command,) = block("thumbnailer config > config.toml").lines
    assert shell(command, tmp_path) == (0, "")
    assert (tmp_path / "config.toml").read_text() == (PROJECT / "config.toml").read_text()


def test_sizes_with_names(tmp_path: Path) -> None:
    with_pictures(tmp_path)
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


@pytest.mark.parametrize("program", ["find", "git", "inotifywait"])
def test_lists_are_piped_as_shown(program: str, tmp_path: Path) -> None:
    lines = block("find ~/Pictures").lines
    (line,) = (line for line in lines if line.startswith(program))
    words = shlex.split(line.partition("| thumbnailer ")[2])
    assert parse_args(words).files_from == "-"
    if not shutil.which(program):
        pytest.skip(f"needs {program}")
    with_pictures(tmp_path)
    if program == "inotifywait":  # it goes on for ever
        line = f"timeout 5 {line} & sleep 2; cp a.jpg Pictures; wait"
    if program == "git":
        line = f"git init -q && git add . && {line}"
    code, printed = shell(line, tmp_path)
    assert code == 0, printed
    made = {"git": 4}.get(program, 1)
    assert re.search(rf"^{made} found, {made} made", printed, re.MULTILINE), printed


def test_a_line_of_cron() -> None:
    *times, program, command, folder, option = block("15 3 * * *").first_line.split()
    assert len(times) == 5
    arguments = parse_args([command, folder, option])
    assert (Path(program).name, arguments.command, arguments.quiet) == ("thumbnailer", "make", True)


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
