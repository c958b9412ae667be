"""What a gallery takes, first and again, and what its page takes in Chromium:

    python -m tests.bench gallery [--pictures 1000,50000] [--chromium /usr/bin/chromium]

The pictures are JPEGs of 640 x 480 px and other shapes, 1,000 in a folder, hard links to twelve of
them; their thumbnails are links to those of the first folder. Chromium opens the page from the disk
with an empty profile, and then scrolls for 120 frames by 40 px each, three screens a second, and
for as many by a quarter of a screen, which is faster than anybody looks.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image
from support.chromium import FLAGS

from .machine import machine, words
from .measure import Cost, reap, run
from .pictures import cache
from .tables import markdown

_A_FOLDER = 1000
_SHAPES = ((640, 480), (480, 640), (640, 427), (640, 360))
_THUMBNAILER = [sys.executable, "-m", "thumbnailer"]

# Scrolls by so many px in each frame, and gives the milliseconds from each frame to the next.
_SCROLL = """async (by) => {
  const times = [];
  const frame = () => new Promise(requestAnimationFrame);
  let last = await frame();
  for (let at = 0; at < 120; at++) {
    scrollBy(0, by);
    const now = await frame();
    times.push(now - last);
    last = now;
  }
  return times;
}"""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
_LOAD = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench gallery")
    parser.add_argument("--pictures", default="1000,50000")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args(argv)
    print(words(machine()))
    heads = ["pictures", "first: s", "CPU s", "MiB", "again: s", "CPU s", "MiB", "page: MB"]
    heads += ["paint: ms", "load: ms", "heap: MiB", "frame: ms", "worst", "fling: ms", "worst"]
    rows = [heads]
    for number in (int(text) for text in arguments.pictures.split(",")):
        with tempfile.TemporaryDirectory(dir=cache()) as folder:
            tree = Path(folder) / "tree"
            _plant(tree, number)
            command = [*_THUMBNAILER, "gallery", str(tree), "--quiet"]
            first, again = run([command]), run([command])
            page = tree / "thumbs" / "index.html"
            megabytes = f"{page.stat().st_size / 1e6:.1f}"
            seen = _in_chromium(page, arguments.chromium)
            rows.append([f"{number:,}", *_cells(first), *_cells(again), megabytes, *seen])
    print(markdown(rows))


def _cells(cost: Cost) -> list[str]:
    return [f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", f"{cost.own_mib:.0f}"]


def _plant(tree: Path, number: int) -> None:
    when = time.time() - 3600
    first = tree / "0000"
    for start in range(0, number, _A_FOLDER):
        folder = tree / f"{start // _A_FOLDER:04}"
        folder.mkdir(parents=True)
        for at in range(min(_A_FOLDER, number - start)):
            path, shape = folder / f"IMG_{at:04}.jpg", at % 12
            if at >= 12:
                os.link(folder / f"IMG_{shape:04}.jpg", path)
            else:
                image = Image.effect_mandelbrot(_SHAPES[at % 4], (-2, -1 - at / 20, 1, 1), 40 + at)
                image.convert("RGB").save(path, quality=80)
                os.utime(path, (when, when))  # the same in all, for the same ledger
        if folder == first:
            subprocess.run([*_THUMBNAILER, "make", str(first), "--quiet"], check=True)
            reap()
            continue
        (folder / "thumbs").mkdir()
        for path in (first / "thumbs").iterdir():
            if path.name.startswith("."):
                shutil.copyfile(path, folder / "thumbs" / path.name)
            else:
                os.link(path, folder / "thumbs" / path.name)


def _in_chromium(page: Path, chromium: str) -> list[str]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1280, "height": 860})
        session = tab.context.new_cdp_session(tab)
        session.send("Performance.enable")
        tab.goto(page.as_uri(), wait_until="load")
        tab.wait_for_timeout(1000)
        paint, load = tab.evaluate(_PAINT), tab.evaluate(_LOAD)
        scrolled: list[float] = tab.evaluate(_SCROLL, 40)
        flung: list[float] = tab.evaluate(_SCROLL, 215)
        session.send("HeapProfiler.enable")
        session.send("HeapProfiler.collectGarbage")
        metrics: dict[str, Any] = session.send("Performance.getMetrics")
        figures = {one["name"]: one["value"] for one in metrics["metrics"]}
        browser.close()
    heap = figures["JSHeapUsedSize"] / (1 << 20)
    times = [paint, load, heap, median(scrolled), max(scrolled), median(flung), max(flung)]
    return [f"{value:.0f}" for value in times]
