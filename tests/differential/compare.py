"""Decode all cells here, and compare with the truth, or with what Chromium shows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image
from support.chromium import shown
from support.ciede2000 import mean_delta_e

from differential.cells import Cell, on_white
from thumbnailer import iter_thumbnails

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The longer side of all thumbnails, in px, and of the pictures that are compared with them.
SIZE = 64

ALSO = ("ico", "jpeg2000", "ppm", "psd", "svg", "tga")


class Verdict(NamedTuple):
    """What a cell came to: `right`, `refused` with the reason, or `differs` by a mean CIEDE2000."""

    cell: Cell
    result: str
    reason: str = ""


def verdicts(cells: Iterable[Cell], folder: Path, browser: Browser | None) -> list[Verdict]:
    """Decode each cell by the pool, and say what it came to."""
    named = {f"{number:05}.{cell.ending}": cell for number, cell in enumerate(cells)}
    for name, cell in named.items():
        (folder / name).write_bytes(cell.data)
    made, refused = dict[str, Image.Image](), dict[str, str]()
    looks = {"size": SIZE, "format": "png", "output": folder / "out", "also": ALSO}
    for outcome in iter_thumbnails(folder, **looks):  # type: ignore[arg-type]
        name = Path(outcome.source.path).name
        if outcome.error:
            refused[name] = outcome.error.reason
        else:
            with Image.open(outcome.thumbnails[0].path) as image:
                made[name] = on_white(image)
    of_browser = [name for name in made if named[name].truth is None]
    seen = {}
    if browser:
        pictures = shown(browser, [folder / name for name in of_browser], SIZE)
        seen = dict(zip(of_browser, pictures, strict=True))
    return [
        _verdict(cell, made.get(name), refused.get(name, ""), seen.get(name))
        for name, cell in named.items()
    ]


def _verdict(
    cell: Cell, made: Image.Image | None, reason: str, seen: Image.Image | None
) -> Verdict:
    if made is None:
        return Verdict(cell, "refused", reason)
    truth = seen or (on_white(cell.truth) if cell.truth else None)
    if truth is None:
        return Verdict(cell, "not compared")
    if made.size != truth.size:
        return Verdict(cell, "differs", f"{made.size} px, not {truth.size}")
    difference = mean_delta_e(made, truth)
    return Verdict(cell, "right" if difference <= cell.most else "differs", f"{difference:.1f}")
