"""The README is short, and its pictures show what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from support.pages import README
from support.pictures import files_below
from support.project import PROJECT

SHOWN = PROJECT / ".readme"


def test_it_can_be_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 250


def test_the_pictures_shown_are_there_and_small_and_say_what_they_show() -> None:
    shown = re.findall(r"!\[(.*?)\]\((.*?)\)|<img alt=\"(.*?)\" src=\"(.*?)\"", README)
    paths = {path for _, one, _, other in shown for path in (one, other) if path}
    in_the_dark = {*re.findall(r"\(prefers-color-scheme: dark\)\" srcset=\"(.*?)\"", README)}
    assert {PROJECT / path for path in paths | in_the_dark} == {*SHOWN.iterdir()} != set()
    assert all(len(words or others) > 40 for words, _, others, _ in shown)
    assert all(path.stat().st_size <= 60_000 for path in SHOWN.iterdir())


@pytest.mark.parametrize(("name", "size"), [("", (1000, 700)), ("-phone", (390, 844))])
def test_the_page_is_shown_light_and_dark(name: str, size: tuple[int, int]) -> None:
    for ending, is_light in (("", True), ("-dark", False)):
        with Image.open(SHOWN / f"gallery{name}{ending}.webp") as page:
            assert page.size == size
            corner = page.convert("L").tobytes()[-3]
        assert (corner > 200, corner < 60) == (is_light, not is_light)


@pytest.mark.extra
def test_the_terminal_shown_says_what_the_program_prints_today(tmp_path: Path) -> None:
    pytest.importorskip("pyte")
    from tools.terminal_picture import column_of, screens, words_of

    def shape(lines: Iterable[str]) -> list[str]:
        """Lines up to numbers, to the folder where the run is, and to which pictures were slow."""
        texts = (re.sub(r"(slowest: .* s,|, Pictures/).*", r"\1 N", line) for line in lines)
        numbers = (re.sub(r"\d[\d.:]*|\b[kM]B\b", "N", text) for text in texts)
        return [" ".join(text.split()) for text in numbers]

    shown = dict[str, str]()  # the lines, by where they stand
    for text in ElementTree.parse(SHOWN / "terminal.svg").getroot().iter():
        if text.text and text.text.strip():
            line, column = shown.get(text.attrib["y"], ""), column_of(text.attrib["x"])
            shown[text.attrib["y"]] = line.ljust(column) + text.text
    printed = [line for screen in screens(tmp_path, copies=1) for line in words_of(screen)]
    assert shape(shown.values()) == shape(printed)


@pytest.mark.extra
def test_a_terminal_is_drawn_in_its_colours() -> None:
    pytest.importorskip("pyte")
    from tools.terminal_picture import column_of, drawn, lines_of

    svg = drawn([lines_of("old\r\x1b[31;1mfailed:\x1b[0m a.jpg\x1b[K\r\n\x1b[38;5;208mb\x1b[0m")])
    texts = {one.text: one.attrib for one in ElementTree.fromstring(svg) if one.text}
    assert [*texts] == ["failed:", "a.jpg", "b"]
    assert [one.get("fill") for one in texts.values()] == ["#f07178", None, "#ff8700"]
    assert [column_of(one["x"]) for one in texts.values()] == [0, 8, 0]
    assert texts["failed:"]["font-weight"] == "bold"


@pytest.mark.slow
@pytest.mark.extra
def test_the_pictures_shown_can_be_drawn_anew(tmp_path: Path) -> None:
    for module in ("playwright", "pyte"):
        pytest.importorskip(module)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("there is no Chromium")
    words = [sys.executable, "-m", "tests.tools.screenshots", str(tmp_path), "--chromium", chromium]
    subprocess.run(words, cwd=PROJECT, check=True, timeout=120)
    shown = {path.name for path in SHOWN.iterdir()}
    assert files_below(tmp_path) == shown
    assert all((tmp_path / name).stat().st_size <= 60_000 for name in shown)
