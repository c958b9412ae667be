"""What the README shows is what happens: each of its blocks is run."""

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
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import ExifTags, Image
from support.pictures import files_below, picture, tree
from support.program import THUMBNAILER, thumbnailer
from support.project import PROJECT
from support.readme import README, block, blocks, options_in, section
from support.waiting import eventually

from thumbnailer import Settings, make_thumbnails
from thumbnailer.cli.parser import parse_args
from thumbnailer.formats import EXTRAS, ON_REQUEST, READ, WRITTEN

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


def with_pictures(folder: Path) -> None:
    tree(folder, "a.jpg", "b.png", "photos/c.jpg", "Pictures/d.jpg")


# What is typed after a `$`, and the pictures that it needs; its output is as shown, up to times and
# lengths.
CONSOLE: dict[str, Callable[[Path], None]] = {
    "$ thumbnailer make photos": with_broken_files,
    "$ thumbnailer explain photos/phone.jpg": with_a_changed_picture,
    "$ thumbnailer status photos": with_all_of_these,
    "$ thumbnailer verify photos": with_damaged_thumbnails,
    "$ thumbnailer prune photos -v": with_an_orphan,
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
    "from thumbnailer import Settings, iter_thumbnails, make_thumbnail, make_thumbnails": [
        r"1 0 \[\]",
        r"(a.jpg|b.png) made \(Thumbnail\(path='thumbs/.*\),\) None",
        r"(a.jpg|b.png) made \(Thumbnail\(path='thumbs/.*\),\) None",
    ],
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
    "61 found, 60 made, 0 current, 1 failed in 0.8 s": "test_a_report_looks_as_shown",
    "$ thumbnailer make ~/Pictures --dry-run": "test_a_report_looks_as_shown",
    "$ thumbnailer make holidya": "test_a_word_that_is_not_known_looks_as_shown",
    "thumbnailer completion bash": "test_the_scripts_for_completion_are_written_where_shown",
    "[Unit]": "test_the_unit_of_systemd",
    "FROM python:3.13-slim": "test_container.py",
    "docker build -t thumbnailer -f Containerfile .": "test_container.py",
    "pip install '.[docs]'": "test_api.py",
    "pip install 'thumbnailer[s3]'": "test_bucket.py",
    "s3://bucket/photos/2024/a.jpg": "test_bucket.py",
    "hours    = pictures": "test_bucket_scale.py",
    "export RAY_AUTH_MODE=token": "test_cluster.py",
    "thumbnailer make /srv/photos": "test_cluster.py",
    "setup_commands:": "test_cluster.py",
    "python -m tests.bench": "test_the_benchmark_has_these_options",
    "pip install '.[test-all,lint]'": "test_development_is_what_is_checked_before_a_change_lands",
}
DIAGRAM = "SOURCE... ──▶ scan"
TESTS = re.compile(r"\d+ passed, \d+ skipped, \d+ deselected in ")


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

    def rows(lines: list[str]) -> list[str]:  # up to numbers
        return sorted(re.sub(r"(?<=: )[\d.]+", "0", line) for line in lines)

    assert list(map(json.loads, printed.splitlines()))
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
    spelt = re.search(r"From Python that is\s`(sizes=.*?)`", README)
    assert spelt
    assert eval(f"Settings({spelt[1]})", {"Settings": Settings}) == Settings(
        **tomllib.loads(config.read_text())
    )


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_the_unit_of_systemd(tmp_path: Path) -> None:
    """It runs our program with words that this takes, wherever it is installed."""
    text = block("[Unit]").text
    line = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert line
    program, *words = shlex.split(line[1])
    arguments = parse_args(words)
    assert (Path(program).name, arguments.command) == ("thumbnailer", "watch")
    unit = tmp_path / "thumbnailer.service"
    unit.write_text(text.replace(program, sys.executable))
    words = ["systemd-analyze", "verify", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("what", ["", "scale"])
def test_the_benchmark_has_these_options(what: str) -> None:
    shown = [
        line.partition("#")[0].split()
        for line in block(
            "python -m tests.bench                         # all cases: an hour"
        ).lines
    ]
    lines = [words for words in shown if (words[3:4] == ["scale"]) == bool(what)]
    assert lines
    words = [sys.executable, "-m", "tests.bench", *filter(None, [what]), "--help"]
    told = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=60).stdout
    for option in (word for line in lines for word in line if word.startswith("--")):
        assert option in told


def test_development_is_what_is_checked_before_a_change_lands() -> None:
    script = (PROJECT / ".ci" / "run").read_text().splitlines()
    install, *lines = block("pip install '.[test-all,lint]'").lines
    assert install
    for line in lines:
        for command in line.partition("#")[0].strip().split(" && "):
            assert any(one == command or one.endswith(f"&& {command}") for one in script), command


def test_the_pictures_shown_are_there_and_small_and_say_what_they_show() -> None:
    shown = re.findall(r"!\[(.*?)\]\((.*?)\)", README)
    folder = PROJECT / ".readme"
    assert {PROJECT / path for _, path in shown} == set(folder.iterdir()) != set()
    for words, path in shown:
        assert len(words) > 40
        assert (PROJECT / path).stat().st_size <= 60_000
    with Image.open(folder / "gallery.webp") as page:
        assert page.width == 1000
    words = list(ElementTree.parse(folder / "terminal.svg").getroot().itertext())
    assert "$ thumbnailer make Pictures" in words
    assert any("pictures/s" in text and " left" in text for text in words), "the bar"
    assert any(text.startswith("slowest: ") for text in words), "the report"


@pytest.mark.slow
def test_the_pictures_shown_can_be_drawn_anew(tmp_path: Path) -> None:
    pytest.importorskip("playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("there is no Chromium")
    words = [sys.executable, "-m", "tests.tools.shots", str(tmp_path), "--chromium", chromium]
    subprocess.run(words, cwd=PROJECT, check=True, timeout=120)
    shown = {path.name for path in (PROJECT / ".readme").iterdir()}
    assert files_below(tmp_path) == shown
    assert all((tmp_path / name).stat().st_size <= 60_000 for name in shown)


def test_links_lead_somewhere() -> None:
    titles = re.findall(r"^##+ (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    targets = re.findall(r"\]\(([^)]*)\)", README)
    assert len(targets) > 15
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in anchors, target
        else:
            assert (PROJECT / target).exists(), target


def test_every_program_of_the_tests_is_there() -> None:
    programs = re.findall(r"python -m ((?:tests|thumbnailer)[\w.]*)", README)
    assert len(set(programs)) > 5
    for name in programs:
        path = PROJECT.joinpath(*name.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


def test_every_extra_is_there() -> None:
    project: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"'(?:thumbnailer|\.|/src)\[([\w,]+)\]'", README)
    assert len(named) > 5
    assert {extra for names in named for extra in names.split(",")} <= {
        *project["optional-dependencies"]
    }


def options_of(command: str) -> set[str]:
    """The options that `--help` lists; those that switch on and off only as what switches on."""
    text = thumbnailer(command, "--help").out.replace("--[no-]", "--")
    lines = re.findall(r"^  (-.*?)(?:  |$)", text, re.MULTILINE)
    found = {name for line in lines for name in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", line)}
    assert found
    return {name for name in found if not name.startswith("--no-")} - {"-h", "--help"}


def test_every_option_is_in_a_table_and_none_made_up() -> None:
    make = {
        "--recursive" if name == "--no-recursive" else name
        for name in options_in("Options of `thumbnailer make")
    }
    this_run = {"--force", "--retry-failed", "-n", "--dry-run", "--gallery"}
    remote = {"--cluster", "--endpoint", "--verify-etag"}
    voice = {"--json", "--quiet", "-v", "--verbose"}
    settings = make - this_run - voice - remote
    assert options_of("make") == make
    assert options_of("watch") == settings | voice | options_in("Options of `thumbnailer watch")
    assert options_of("prune") == options_in("Options of `thumbnailer prune")
    assert options_of("gallery") == settings | voice
    for command in ("status", "verify"):
        assert options_of(command) == settings | options_in(f"`thumbnailer {command}")
    told = set(re.findall(r"`(--[a-z]+)[ `]", section("`thumbnailer explain")))
    assert options_of("explain") == settings | told
    assert options_of("config") == settings | remote


def test_the_formats_are_those_of_the_table() -> None:
    words = " ".join(section("What it does with a picture").split())
    told = re.search(r"It reads ([\w, ]+) and writes ([\w, ]+)\.", words)
    assert told
    read, written = (set(re.findall(r"\w+", names.lower())) - {"and"} for names in told.groups())
    assert read == {format.name for format in READ}
    assert written == set(WRITTEN)
    assert f"--also {','.join(ON_REQUEST)}" in words
    assert all(f"pip install 'thumbnailer[{name}]'" in words for name in EXTRAS)


def test_the_house_is_drawn_as_its_contract_has_it() -> None:
    (house,) = (one for one in blocks() if DIAGRAM in one.first_line)
    steps = re.findall(r"──▶ (\w+)", house.first_line)
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = re.findall(r"\w+", " ".join(contracts["contracts"][0]["layers"]))
    packages = [name for name in layers if (PROJECT / "thumbnailer" / name).is_dir()]
    assert [line.split()[0] for line in house.lines[1:] if line] == packages
    for step in steps:
        where = [line for line in house.lines[1:] if re.search(rf"\b{step}\b", line)]
        assert where, step


def test_each_package_says_what_it_is_for_and_can_be_seen_at_a_glance() -> None:
    package = PROJECT / "thumbnailer"
    folders = [path.parent for path in package.rglob("__init__.py")]
    for folder in folders:
        names = [path.name for path in folder.glob("*.py")]
        assert len(names) <= (10 if folder == package else 12), (folder, len(names))
        if folder != package:
            assert len((folder / "__init__.py").read_text().splitlines()) == 1, folder


def test_every_test_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", README))
    tests = "".join(path.read_text() for path in (PROJECT / "tests").rglob("test_*.py"))
    assert len(named) > 30
    assert {name for name in named if f"\ndef {name}(" not in tests} == set()


def test_every_exit_code_is_explained() -> None:
    for code in ("0", "1", "2", "3", "130, 143"):
        assert re.search(rf"^\| {code} \|", README, re.MULTILINE)
