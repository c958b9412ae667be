"""What the README and the help pages say is so: their tables, links and names."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.pages import (
    CHANGELOG,
    CONTRIBUTING,
    GITHUB,
    HELP,
    PATHS,
    README,
    TEXTS,
    page,
    section,
)
from support.program import thumbnailer
from support.project import PROJECT
from tools.tables import filled

from thumbnailer.formats import FORMATS, WRITTEN

PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
ALL = "\n".join(TEXTS.values())
LINKING = [*PATHS, CHANGELOG, GITHUB / "PULL_REQUEST_TEMPLATE.md"]
ELSEWHERE = {
    "https://evanw.github.io/thumbhash/",
    "https://specifications.freedesktop.org/thumbnail-spec/latest/",
}


def in_project(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("path", PATHS, ids=in_project)
def test_generated_parts_are_as_the_code_has_them(path: Path) -> None:
    assert filled(TEXTS[path]) == TEXTS[path], "python -m tests.tools.tables writes them"


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to headings."""
    titles = re.findall(r"^##+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def links(path: Path) -> list[str]:
    """Where the links and pictures of a page lead."""
    found = re.findall(r"\]\(([^)]*)\)|\b(?:src|srcset|href)=\"([^\"]*)\"", path.read_text())
    return ["".join(targets) for targets in found]


@pytest.mark.parametrize("path", LINKING, ids=in_project)
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        found = Path(os.path.normpath(path.parent / name)) if name else path
        assert found.exists(), target
        assert found.is_relative_to(PROJECT), target
        assert not anchor or anchor in anchors(found.read_text()), target


def test_links_to_elsewhere_are_these() -> None:
    """All of them, so that somebody with a network can look; each is written in one way."""
    found = {target for path in LINKING for target in links(path) if "://" in target}
    assert found == ELSEWHERE
    for target in found:
        parts = urlsplit(target)
        assert parts.scheme == "https", target
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), target
        assert not re.search(r"[\s<>\"]|[.,;:]$", target), target
    assert len({target.rstrip("/").lower() for target in found}) == len(found)


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = set(re.findall(r"\((thumbnailer/help/[\w-]+\.md)\)", README))
    assert linked == {in_project(path) for path in HELP.glob("*.md")}


def test_every_program_of_the_tests_is_there() -> None:
    programs = re.findall(r"python -m ((?:tests|thumbnailer)[\w.]*)", ALL)
    assert len(set(programs)) > 5
    for name in programs:
        path = PROJECT.joinpath(*name.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


def test_every_file_named_for_what_to_add_is_there() -> None:
    rows = section(TEXTS[CONTRIBUTING], "Where to add what")
    files = re.findall(r"`(thumbnailer/[\w/.]+)`", rows)
    assert len(files) > 15
    for name in files:
        assert (PROJECT / name).exists(), name


def test_what_is_installed_is_ours_and_every_extra_is_there() -> None:
    installed = re.findall(r"pip (?:un)?install (?:-\S+ )*'?([\w./-]+)(?:\[([\w,-]+)\])?", ALL)
    assert len(installed) > 8
    for name, extras in installed:
        assert name in (PYPROJECT["name"], ".", "/src", "pre-commit"), name
        assert {*filter(None, extras.split(","))} <= {*PYPROJECT["optional-dependencies"]}, extras
    named = re.findall(r"extras? `(\w+)`|`(\w+)` and `(\w+)`, or|or `(\w+)` and `(\w+)` \|", ALL)
    assert {name for names in named for name in names if name} == {
        *PYPROJECT["optional-dependencies"]
    } - {"docs", "lint", "test", "test-all"}


def options_of(command: str) -> set[str]:
    """The options that `--help` lists, as `-s, --size`; of `--[no-]upscale` what switches on."""
    text = thumbnailer(command, "--help").out
    lines = re.findall(r"^  (-.*?)(?:  |$)", text, re.MULTILINE)
    return {names(line) for line in lines} - {"-h, --help"}


def names(usage: str) -> str:
    return ", ".join(re.findall(r"--?[a-z][a-z-]*", usage.replace("[no-]", "")))


def options_told(text: str) -> set[str]:
    """The options in the tables of a page, and those that it says are like those of `make`."""
    told = {names(usage) for usage in re.findall(r"^\| (`-.*?) \|", text, re.MULTILINE)}
    if but := re.search(r"It also takes all options of .* but (.*)\.", text):
        lacking = re.findall(r"--[a-z-]+", but[1])
        make = options_told(section(page("make"), "Options"))
        told |= {one for one in make if not one.endswith(tuple(lacking))}
    return told


@pytest.mark.parametrize(
    "command", ["make", "watch", "gallery", "status", "verify", "prune", "clean", "explain"]
)
def test_every_option_is_told_and_none_made_up(command: str) -> None:
    if (HELP / f"{command}.md").exists():
        text = section(page(command), "Options")
    else:
        text = section(page("status-verify-prune"), f"`thumbnailer {command}")
    assert options_told(text) == options_of(command) != set()


def test_config_has_the_options_of_make_that_are_settings() -> None:
    others = {"--force", "--retry-failed", "-n, --dry-run", "--gallery", "--files-from"}
    others |= {"--json", "--quiet", "-v, --verbose", "--manifest"}
    assert options_of("config") == options_of("make") - others


# Those that show only options of ours.
OURS = (
    *("make", "watch", "gallery", "status-verify-prune", "library", "configuration", "output"),
    *("formats", "reliability", "troubleshooting"),
)


def test_options_named_anywhere_are_there() -> None:
    commands = ("make", "watch", "gallery", "prune", "clean", "explain", "status", "verify")
    known = {name for one in commands for usage in options_of(one) for name in usage.split(", ")}
    known |= {f"--no-{name[2:]}" for name in known} | {"--help", "--version"}
    text = "\n".join([README, *map(page, OURS)])
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known


def test_every_format_is_told() -> None:
    rows = re.findall(r"^\| (.*?) \| (`\..*?) \| (.*?) \| (.*?) \|", page("formats"), re.MULTILINE)
    assert len(rows) == len(FORMATS)
    for format, (_, endings, read, written) in zip(FORMATS, rows, strict=True):
        assert endings.replace("`", "").split() == [*format.read_endings]
        assert (format.read == "always") == (read == "yes")
        how = "with the extra" if format.module else "yes"
        assert written == (how if format.name in WRITTEN else "")


def test_messages_explained_are_there() -> None:
    """Of those about buckets, which name what differs, the parts."""
    rows = re.findall(r"^\| (.*?) \|", page("troubleshooting"), re.MULTILINE)
    messages = {words for row in rows for words in re.findall(r"`([a-z(][^`]*)`", row)}
    messages = {words for words in messages if " " in words or "(" in words}
    assert len(messages) > 3
    rows = re.findall(
        r"^\| (`.*?) \|", section(page("buckets"), "What an error means"), re.MULTILINE
    )
    differs = r"…|'[^']*'| \([A-Z]\w+\)|eu-west-1|, in |, say|: "
    parts = {part.strip() for row in rows for part in re.split(rf"`|{differs}", row)} - {"", ","}
    assert len(parts) > 15
    files = (path.read_text() for path in (PROJECT / "thumbnailer").rglob("*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", "".join(files))
    assert {words for words in messages | parts if words not in code} == set()


def test_every_test_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", ALL))
    tests = "".join(path.read_text() for path in (PROJECT / "tests").rglob("test_*.py"))
    assert len(named) > 30
    assert {name for name in named if f"\ndef {name}(" not in tests} == set()


def test_every_exit_code_is_explained() -> None:
    for code in ("0", "1", "2", "3", "130, 143"):
        assert re.search(rf"^\| {code} \|", page("output"), re.MULTILINE)
