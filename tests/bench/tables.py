"""Results as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .contestants import FLOOR, OURS
from .rounds import Entry, Result
from .tasks import Contestant

_HEADS = (
    "",
    "wall s",
    "pictures/s",
    "CPU s",
    "CPU ms a picture",
    "CPU to ours",
    "CPU to floor",
    "memory MiB",
    "SSIM mean",
    "lowest",
)


def table(result: Result) -> str:
    """The medians of a case; ratios are of medians of CPU time."""
    case = result.case
    sizes = ", ".join(map(str, case.sizes))
    mean_kb = result.source_bytes / result.count / 1000
    title = f"**{case.name}**: {result.count} pictures of {mean_kb:.0f} KB to {sizes} px"
    rows = [_row(entry, result) for entry in result.entries if entry.costs]
    troubles = [
        f"\n\n{entry.contestant.name} failed: {entry.trouble}."
        for entry in result.entries
        if entry.trouble
    ]
    return f"{title}\n\n{markdown([_HEADS, *rows])}{''.join(troubles)}"


def legend(contestants: Iterable[Contestant]) -> str:
    """How everybody was run."""
    rows = [(each.name, each.version, each.settings) for each in contestants if each.version]
    missing = [each.name for each in contestants if not each.version]
    text = markdown([("", "version", "how it is run"), *rows], left=3)
    return text + (f"\n\nNot installed: {', '.join(missing)}." if missing else "")


def _row(entry: Entry, result: Result) -> tuple[str, ...]:
    wall, cpu = entry.median("wall_s"), entry.median("cpu_s")
    quality = entry.quality
    return (
        entry.contestant.name,
        f"{wall:.2f}",
        f"{result.count / wall:.1f}",
        f"{cpu:.2f}",
        f"{1000 * cpu / result.count:.2f}",
        _ratio(result.ratio(entry, OURS)),
        _ratio(result.ratio(entry, FLOOR)),
        f"{entry.median('memory_mib'):.0f}",
        f"{quality.mean:.4f}" if quality else "",
        f"{quality.lowest:.4f}" if quality else "",
    )


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def markdown(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """
    Args:
        left: how many columns are words; the others are figures.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def lines() -> Iterator[str]:
        for number, row in enumerate(rows):
            cells = [
                cell.ljust(width) if column < left else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            yield f"| {' | '.join(cells)} |"
            if number == 0:
                rules = [
                    "-" * width if column < left else "-" * (width - 1) + ":"
                    for column, width in enumerate(widths)
                ]
                yield f"| {' | '.join(rules)} |"

    return "\n".join(lines())
