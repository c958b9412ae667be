"""Chromium: how it is started, for pages of our own only, and what it shows of a picture."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from support.waiting import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--enable-features=JXLImageFormat",  # as later ones show it unasked
]


# The sides of a browser's window, in px. As many pictures are shown at once as fit in.
_WINDOW = 1200


def shown(browser: Browser, sources: Iterable[Path], longest: int = 0) -> list[Image.Image]:
    """Return what a browser shows of pictures, over white.

    Args:
        longest: the longer side of each in px; 0 for its own size.
    """
    waiting, results = list(sources), list[Image.Image]()
    page = browser.new_page(viewport={"width": _WINDOW, "height": _WINDOW})
    side = longest or _WINDOW
    places = [(x, y) for y in _steps(side) for x in _steps(side)]
    with tempfile.TemporaryDirectory() as folder:
        page_file = Path(folder) / "page.html"
        while waiting:
            batch, waiting = waiting[: len(places)], waiting[len(places) :]
            page_file.write_text(
                "".join(
                    f"<img src='{source.as_uri()}' style='position:fixed;left:{x}px;top:{y}px'>"
                    for source, (x, y) in zip(batch, places, strict=False)
                )
            )
            page.goto(page_file.as_uri())
            sizes = page.evaluate(_SHOW, longest)
            window = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            for (x, y), (width, height) in zip(places, sizes, strict=False):
                results.append(window.crop((x, y, x + width, y + height)))
    page.close()
    return results


@contextmanager
def opened(
    browser: Browser, url: str, width: int = 1280, height: int = 800, **options: Any
) -> Iterator[Page]:
    """The page of a gallery; at the end nothing must have gone wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: trouble.append(dialog.message))
    # Aborted is what nobody waits for any more: it is out of sight again.
    page.on(
        "requestfailed",
        lambda one: None if one.failure == "net::ERR_ABORTED" else trouble.append(one.url),
    )
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (one) => console.error(one.blockedURI))"
    )
    page.goto(url)
    page.wait_for_selector(".tile.there")
    yield page
    page.wait_for_timeout(100)
    context.close()
    assert trouble == []


def until(page: Page, condition: str) -> None:
    """Wait for it; the page's policy forbids Playwright to do so in the page."""
    eventually(lambda: page.evaluate(condition))


def _steps(side: int) -> range:
    return range(0, _WINDOW - side + 1, side)


# Shows each picture, in its own size or so that its longer side is the given; returns their sizes.
_SHOW = """
longest => Promise.all([...document.images].map(async image => {
    await image.decode();
    const sides = [image.naturalWidth, image.naturalHeight];
    const scale = longest ? longest / Math.max(...sides) : 1;
    [image.width, image.height] = sides;
    image.style.transform = `scale(${scale})`;
    image.style.transformOrigin = "0 0";
    return sides.map(side => Math.round(side * scale));
}))
"""
