"""Draw the pictures that the README shows: a terminal, and the page of a gallery.

    python -m tests.tools.screenshots [FOLDER] [--chromium /usr/bin/chromium]

FOLDER is the project's `.readme` if left out. The pictures on them are the sample pictures. The
page is drawn as a desktop and as a phone show it, light and dark. It needs a Chromium, and
`pip install '.[test-all]'`.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from support.chromium import FLAGS, opened, until
from support.program import thumbnailer
from support.project import PROJECT, SAMPLES

from tools.terminal_picture import drawn, screens

# What shows the page, with the name of its picture; each is drawn light and dark.
_DEVICES: dict[str, dict[str, Any]] = {
    "gallery": {"width": 1000, "height": 700},
    "gallery-phone": {"width": 390, "height": 844, "is_mobile": True, "has_touch": True},
}

# Pictures further down are fetched when somebody scrolls to them.
_SHOWN = """
[...document.images].every(one => one.complete || one.getBoundingClientRect().top > innerHeight)
    && document.getAnimations().length == 0
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.screenshots")
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT / ".readme")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        (arguments.folder / "terminal.svg").write_text(drawn(screens(Path(name))))
        for shot, saved in _gallery(Path(name), arguments.chromium).items():
            (arguments.folder / f"{shot}.webp").write_bytes(saved)


def _gallery(folder: Path, chromium: str) -> dict[str, bytes]:
    """The top of the page of the sample pictures, by the name of its picture."""
    from playwright.sync_api import sync_playwright

    samples = folder / "sample_images"
    shutil.copytree(SAMPLES, samples, ignore=shutil.ignore_patterns("thumbs"))
    made = thumbnailer("make", samples, "--gallery")
    assert made.code == 0, made.err
    url = (samples / "thumbs" / "index.html").as_uri()
    shots = dict[str, bytes]()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for device, options in _DEVICES.items():
            for scheme, ending in (("light", ""), ("dark", "-dark")):
                with opened(browser, url, color_scheme=scheme, **options) as page:
                    until(page, _SHOWN)
                    shots[device + ending] = _webp(page.screenshot())
        browser.close()
    return shots


def _webp(shot: bytes) -> bytes:
    saved = io.BytesIO()
    with Image.open(io.BytesIO(shot)) as image:
        image.save(saved, "WEBP", quality=60, method=6)
    return saved.getvalue()


if __name__ == "__main__":
    main()
