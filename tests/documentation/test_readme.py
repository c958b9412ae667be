"""The README is short, and its pictures show what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from support.pages import README
from support.pictures import files_below
from support.project import PROJECT


def test_it_can_be_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 250


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
