"""Chromium: how it is started, for pages of our own only, and what it shows of a picture."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def shown(browser: Browser, sources: Iterable[Path], longest: int = 0) -> list[Image.Image]:
    """Return what a browser shows of pictures, over white.

    Args:
        longest: the longer side of each in px; 0 for its own size.
    """
    results = []
    page = browser.new_page(viewport={"width": 1200, "height": 1200})
    with tempfile.TemporaryDirectory() as folder:
        page_file = Path(folder) / "page.html"
        for source in sources:
            uri = source.as_uri()
            page_file.write_text(f"<img src='{uri}' style='position:fixed;left:0;top:0'>")
            page.goto(page_file.as_uri())
            width, height = page.evaluate(
                "async longest => { const image = document.images[0]; await image.decode();"
                " const sides = [image.naturalWidth, image.naturalHeight];"
                " const scale = longest ? longest / Math.max(...sides) : 1;"
                " [image.width, image.height] = sides;"
                " image.style.transform = `scale(${scale})`;"
                " image.style.transformOrigin = '0 0';"
                " return sides.map(side => Math.round(side * scale)); }",
                longest,
            )
            picture = page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": height})
            results.append(Image.open(io.BytesIO(picture)).convert("RGB"))
    page.close()
    return results
