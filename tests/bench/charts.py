"""Results as charts in SVG, written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from .contestants import FLOOR, OURS
from .rounds import Result

_OURS, _OTHERS, _LIMIT, _INK = "#2f6fb0", "#b9c2cc", "#8a6d1f", "#222"
_LABELS, _BARS, _VALUES, _STEP, _HEAD = 130, 420, 110, 20, 44


def bars(results: Sequence[Result]) -> str:
    """CPU milliseconds a picture of everybody, a panel for each case; a line marks the floor."""
    parts, y = list[str](), 10
    for result in results:
        panel = list(_panel(result, y))
        parts += panel
        y += _HEAD + _STEP * len([entry for entry in result.entries if entry.costs])
    return _svg(_LABELS + _BARS + _VALUES, y, parts)


def _panel(result: Result, y: int) -> Iterator[str]:
    figures = {
        entry.contestant.name: 1000 * entry.median("cpu_s") / result.count
        for entry in result.entries
        if entry.costs
    }
    most = max(figures.values(), default=1) or 1
    sizes = ", ".join(map(str, result.case.sizes))
    yield _text(10, y + 18, f"{result.case.name}: to {sizes} px, CPU ms a picture", "bold")
    y += 28
    for row, (name, value) in enumerate(sorted(figures.items(), key=lambda pair: pair[1])):
        top, length = y + row * _STEP, _BARS * value / most
        colour = _OURS if name == OURS else _OTHERS
        yield _text(_LABELS - 8, top + 14, name, "bold" if name == OURS else "", "end")
        yield f'<rect x="{_LABELS}" y="{top + 2}" width="{length:.1f}" height="{_STEP - 5}"'
        yield f' fill="{colour}"/>'
        yield _text(_LABELS + length + 6, top + 14, f"{value:.3g}")
    if FLOOR in figures:
        x, foot = _LABELS + _BARS * figures[FLOOR] / most, y + len(figures) * _STEP
        yield _line([(x, y), (x, foot)], _LIMIT, dash=True)


def curves(title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Figures by numbers of files, which stand at equal distances, with a scale from 0."""
    width, height, left, right, top, foot = 640, 300, 20, 180, 40, 30
    places = sorted({x for points in lines.values() for x, _ in points})
    most = max((y for points in lines.values() for _, y in points), default=1) or 1

    def at(x: float, y: float) -> tuple[float, float]:
        across = (places.index(x) + 0.5) / len(places)
        down = 1 - y / most
        return left + across * (width - left - right), top + down * (height - top - foot)

    parts = [_text(10, 20, title, "bold"), _line([at(places[0], 0), at(places[-1], 0)], _OTHERS)]
    parts += [_text(at(x, 0)[0], height - 10, f"{x:,.0f}", anchor="middle") for x in places]
    colours = (_OURS, _LIMIT, "#3a7d44", "#a23b4a")
    for colour, (name, points) in zip(colours, lines.items(), strict=False):
        spots = [at(x, y) for x, y in sorted(points)]
        parts.append(_line(spots, colour))
        for (x, y), (_, value) in zip(spots, sorted(points), strict=True):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(_text(x, y - 6, f"{value:.3g}", anchor="middle", colour=colour))
        x, y = spots[-1]
        parts.append(_text(x + 24, y + 4, name, colour=colour))
    return _svg(width, height, parts)


def _line(points: Sequence[tuple[float, float]], colour: str, *, dash: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    style = ' stroke-dasharray="3 3"' if dash else ' stroke-width="2"'
    return f'<polyline points="{path}" fill="none" stroke="{colour}"{style}/>'


def _text(
    x: float, y: float, text: str, weight: str = "", anchor: str = "start", colour: str = _INK
) -> str:
    style = f' font-weight="{weight}"' if weight else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"{style}>'
        f"{escape(text)}</text>"
    )


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )
