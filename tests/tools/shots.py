"""Draw the pictures that the README shows: the page of a gallery and the bar on a terminal.

    python -m tests.tools.shots [FOLDER] [--chromium /usr/bin/chromium]

FOLDER is the project's `.readme` if left out. The pictures on them are the sample pictures. It
needs a Chromium, and `pip install '.[test]'`.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from support.chromium import FLAGS
from support.program import thumbnailer
from support.project import PROJECT, SAMPLES
from support.terminal import on_terminal

# In px: one character of a monospaced font at 13 px, whose advance is mostly .6 em.
_CELL, _LINE, _EDGE = 7.8, 19, 16
_COLUMNS = 100
_FOLDERS = ("Alps", "Kyoto", "Lisbon", "Lofoten", "Rome")
_GROUND, _INK, _BAR = "#1d2127", "#dfe3e8", "#7fb4e6"

# Blocks of a bar, U+2588 being a full one and U+258F an eighth, or words between single spaces.
_TOKENS = re.compile(r"[\u2588-\u258f]+|[^\s\u2588-\u258f]+(?: [^\s\u2588-\u258f]+)*")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.shots")
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT / ".readme")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        (arguments.folder / "gallery.webp").write_bytes(_gallery(Path(name), arguments.chromium))
        (arguments.folder / "terminal.svg").write_text(_terminal(Path(name)))


def _gallery(folder: Path, chromium: str) -> bytes:
    """The top of the page of the sample pictures."""
    samples = folder / "sample_images"
    shutil.copytree(SAMPLES, samples, ignore=shutil.ignore_patterns("thumbs"))
    made = thumbnailer("make", samples, "--gallery")
    assert made.code == 0, made.err
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 700}, color_scheme="light")
        page.goto((samples / "thumbs" / "index.html").as_uri(), wait_until="load")
        page.wait_for_function("[...document.images].every(image => image.complete)")
        shot = page.screenshot()
        browser.close()
    saved = io.BytesIO()
    with Image.open(io.BytesIO(shot)) as image:
        image.save(saved, "WEBP", quality=60, method=6)
    return saved.getvalue()


def _terminal(folder: Path) -> str:
    """`thumbnailer make` of many copies of the samples, on its way and at its end."""
    for name in _FOLDERS:
        for sample in filter(Path.is_file, SAMPLES.iterdir()):
            for number in "123":
                copied = folder / "Pictures" / name / f"{sample.stem} {number}{sample.suffix}"
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(sample, copied)
    os.truncate(folder / "Pictures" / _FOLDERS[1] / "grey-birches 2.jpg", 60_000)
    command = ("make", "Pictures")
    session = on_terminal(*command, columns=_COLUMNS, out_too=True, cwd=folder)
    typed = f"$ thumbnailer {' '.join(command)}"
    # What a line shows in the end is what was written after the last return to its beginning.
    last = [line.rstrip("\r").rpartition("\r")[2] for line in session.shown.split("\n")[:-1]]
    failed = [line for line in last if line.startswith("failed")]
    bars = [frame for frame in session.frames if "failed," in frame and " left" in frame]
    return _svg([[typed, *failed, bars[len(bars) // 3].rstrip()], [typed, *last]])


def _svg(screens: Sequence[Sequence[str]]) -> str:
    """Screens of text, one below the other."""
    width, top = round(_COLUMNS * _CELL) + 2 * _EDGE, 0
    parts = list[str]()
    for lines in screens:
        height = len(lines) * _LINE + 2 * _EDGE - 4
        parts.append(f'<rect y="{top}" width="{width}" height="{height}" rx="8" fill="{_GROUND}"/>')
        parts += (_line(text, top + _EDGE + at * _LINE) for at, text in enumerate(lines))
        top += height + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top - 10}" width="{width}"'
        f' height="{top - 10}" font-family="ui-monospace, Menlo, Consolas, monospace"'
        f' font-size="13" fill="{_INK}">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _line(text: str, y: int) -> str:
    """Words at their columns, whatever the font; blocks are drawn, as few fonts join them."""
    drawn = []
    for token in _TOKENS.finditer(text):
        x, length = _EDGE + token.start() * _CELL, len(token[0]) * _CELL
        if token[0][0] >= "\u2588":
            length = sum(0x2590 - ord(block) for block in token[0]) * _CELL / 8
            drawn.append(f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="14"')
            drawn.append(f' fill="{_BAR}"/>')
        else:
            drawn.append(f'<text x="{x:.1f}" y="{y + 11}" textLength="{length:.1f}">')
            drawn.append(f"{escape(token[0], quote=False)}</text>")
    return "".join(drawn)


if __name__ == "__main__":
    main()
