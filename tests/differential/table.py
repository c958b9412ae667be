"""The table of all kinds, for the page formats-and-colour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from differential.cells import Cell
from differential.compare import Verdict

RESULTS = ("right", "refused", "differs")
HEADS = ("format", "kind", "pictures", "right", "refused", "differ")

# What comes out other than in Chromium, on purpose: a pattern in a cell's name, and why.
DIFFERS = {
    "Adobe RGB by EXIF": "cameras say so (DCF 2.0, 3.2); browsers do not look",
    "JPEG XL: RGB, .* converted, .* curve PQ": "white is of 255 cd/m2, which it takes for 1,000",
    r"JPEG XL: grey, .* curve (?:BT\.709|PQ|HLG)": "it shows grey PQ black, and grey HLG white",
    "SVG: drawn, with a note": "librsvg does not know them, and a note says so",
    "SVG: picture in it, WEBP turned": "EXIF data turn a WebP here, and not there",
    "SVG: size, by style": "a style may state the size (SVG 2, 7.5); browsers do not look",
}


def all_cells() -> Iterator[Cell]:
    """Every cell, in the order of the table."""
    from differential import of_dng, of_jxl, of_others, of_png, of_svg, of_tiff

    yield from of_others.jpegs()
    yield from of_png.cells()
    yield from of_others.of_browsers()
    yield from of_others.avif_of_depths()
    yield from of_others.heics()
    yield from of_tiff.cells()
    yield from of_others.jpeg2000s()
    yield from of_others.of_pillow()
    yield from of_others.psds()
    yield from of_jxl.cells()
    yield from of_svg.cells()
    yield from of_dng.cells()


def why_it_differs(cell: Cell) -> str:
    """Why a cell comes out other than in Chromium; "" if it should not."""
    return next((why for part, why in DIFFERS.items() if re.search(part, cell.name)), "")


def table(found: Iterable[Verdict]) -> str:
    """A line for each kind: how many pictures came to what."""
    kinds: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in found:
        kinds.setdefault((verdict.cell.format, verdict.cell.kind), []).append(verdict)
    lines = [HEADS, ("---", "---", *["--:"] * 4)]
    for (format, kind), of_kind in kinds.items():
        lines.append((format, kind, *_numbers(of_kind)))
    lines.append(("all", "", *_numbers([one for of_kind in kinds.values() for one in of_kind])))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _numbers(found: list[Verdict]) -> list[str]:
    """How many there are, and how many of each result, if any."""
    counts = [sum(one.result == result for one in found) for result in RESULTS]
    return [f"{len(found):,}", *(f"{count:,}" if count else "" for count in counts)]
