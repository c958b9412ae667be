r"""Render the Markdown of the help pages for a terminal.

Bold is overstruck, `b\bb`, as in manual pages: less(1) shows it so, and `pydoc.pager` removes it
where there is no pager. While lines are laid out, a bold character is one of a plane for private
use, so that it counts as one column.
"""

from __future__ import annotations

import posixpath
import re
import textwrap
from itertools import zip_longest

_BLOCK = re.compile(
    r"""
    ^\ *<!--[\s\S]*?(?:-->|\Z)
    | ^(?P<fence>\ *```).*\n?(?P<fenced>[\s\S]*?)(?:^(?P=fence)\ *$|\Z)
    | ^(?P<code>\ {4}.*)
    | ^\#+\ (?P<heading>.*)
    | ^(?P<table>\|.*(?:\n\|.*)*)
    | ^(?P<text>[^\S\n]*\S.*(?:\n(?!\s*$|\ *(?:[-*]|\d\d?\.)\ |\ *```|\#+\ |\||\ *<!--).*)*)
    | ^(?P<blank>\s*\n)
    """,
    re.MULTILINE | re.VERBOSE,
)
_INLINE = re.compile(
    r"""
    (?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)
    | \*\*(?P<bold>.+?)\*\*
    | \[(?P<text>(?:`[^`]*`|[^]`])+)\]\((?P<target>[^)\s]+)\)
    | \\(?P<escaped>[!-/:-@[-`{-~])
    """,
    re.VERBOSE,
)
_MARK = re.compile(":?-+:?")
_TERM = re.compile("(?:`[^`]+`[, ]*)+")  # such as `-s`, `--size SIZE`
_BODY = "  "  # before all but headings, which stand out by it where there is no bold
_BOLD = 0xF0000  # of Supplementary Private Use Area-A: U+F0041 is a bold A
_GAP = "  "  # between the columns of a table
_NARROWEST = 24  # sentences in columns narrower than this are hard to read


def render(markdown: str, width: int) -> str:
    r"""Return Markdown as text in lines that fit the width, but for code; bold is `b\bb`."""
    lines = list[str]()
    for block in _BLOCK.finditer(markdown):
        more = _lines_of(block, max(width, 20))
        is_separate = block.lastgroup in ("heading", "table", "blank")
        if is_separate and lines and lines[-1]:
            lines.append("")
        lines += more
        if is_separate and more:
            lines.append("")
    text = "\n".join(line.rstrip().replace("\xa0", " ") for line in lines).rstrip("\n")
    return re.sub("[\U000f0000-\U000fffff]", _overstrike, f"{text}\n")


def _lines_of(block: re.Match[str], width: int) -> list[str]:
    text = block[block.lastgroup] if block.lastgroup else ""
    match block.lastgroup:
        case "fenced":
            return [f"{_BODY}    {line}" for line in text.splitlines()]
        case "code":
            return [_BODY + text]
        case "heading":
            return _wrap(_bold(_inline(text, tick="")), width)
        case "table":
            return [_BODY + line for line in _table(text.split("\n"), width - len(_BODY))]
        case "text":
            bullet = re.match(r" *(?:(?:[-*]|\d\d?\.) +)?", text)
            start = bullet[0] if bullet else ""
            words = re.sub(r"\n *", " ", text[len(start) :])
            return _wrap(_inline(words), width, _BODY + start) or [_BODY + start]
    return []


def _wrap(text: str, width: int, start: str = "") -> list[str]:
    """Return text in lines, of which the first begins with `start`, the others with spaces."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _inline(text: str, tick: str = "`") -> str:
    """Return text with its links in words; code stands between ticks or, without one, is bold."""

    def in_words(found: re.Match[str]) -> str:
        if code := found["code"]:
            code = code.replace(" ", "\xa0") if len(code) <= 30 else code  # stays on one line
            return f"{tick}{code}{tick}" if tick else _bold(code)
        if found["bold"]:
            return _bold(_inline(found["bold"], tick))
        if found["escaped"]:
            return found["escaped"]
        return _inline(found["text"], tick) + _where(found["target"], found["text"])

    return _INLINE.sub(in_words, text)


def _where(target: str, text: str) -> str:
    """Return what follows the text of a link: where it leads, if the text does not say so."""
    path = target.partition("#")[0]
    page = path.removesuffix(".md")
    if page != path and "/" not in page:
        return "" if page in re.split(r"[^\w-]+", text) else f" (thumbnailer help {page})"
    if path and "://" not in path:  # a file of the program
        target = posixpath.normpath(f"thumbnailer/help/{path}")
    return f" ({target})" if path and target != text.strip("`") else ""


def _table(lines: list[str], width: int) -> list[str]:
    """Return a table in columns or, where these would be too narrow, as a list of its rows."""
    parts = (re.split(r"(?<!\\)\|", line[1:].rstrip().removesuffix("|")) for line in lines)
    head, *body = ([cell.strip().replace(r"\|", "|") for cell in row] for row in parts)
    marks = body.pop(0) if body and all(map(_MARK.fullmatch, body[0])) else []
    rows = [[_inline(cell, tick="") for cell in head]]
    for first, *others in body:
        tick = "" if _TERM.fullmatch(first) else "`"
        rows.append([_inline(first, tick), *map(_inline, others)])
    columns = [*zip_longest(*rows, fillvalue="")]
    widths = [max(1, *map(len, column)) for column in columns]
    least = [_least_width(*column) for column in columns]
    room = width - len(_GAP) * (len(columns) - 1)
    if sum(least) > room:
        return _list_of_rows(columns, width)
    while sum(widths) > room:
        spare = [have - need for have, need in zip(widths, least, strict=True)]
        widths[spare.index(max(spare))] -= 1
    sides = [">" if mark.endswith("-:") else "<" for mark in marks] + ["<"] * len(columns)
    places = list(map("{}{}".format, sides, widths))
    return [
        _GAP.join(map(format, cells, places))
        for row in zip(*([_bold(title), *cells] for title, *cells in columns), strict=True)
        for cells in zip_longest(*map(_wrap, row, widths), fillvalue="")
    ]


def _least_width(title: str, *cells: str) -> int:
    """Return the width that a column needs to be easy to read."""
    words = " ".join((title, *cells)).split(" ")
    return max(1, *map(len, words), min(_NARROWEST, max(map(len, cells), default=0)))


def _list_of_rows(columns: list[tuple[str, ...]], width: int) -> list[str]:
    """Return a table as a list: of each row its first cell, and below it the others, labelled."""
    titles, *rows = zip(*columns, strict=True)
    labels = [f"{title}: " if title else "" for title in titles]
    if len(titles) in (2, 3):
        labels[1] = ""  # goes without saying
    lines = _wrap(_bold(", ".join(filter(None, titles))), width)
    for first, *others in rows:
        lines += ["", *_wrap(first, width)]
        for label, cell in zip(labels[1:], others, strict=True):
            lines += _wrap(f"{label}{cell}" if cell else "", width, _BODY * 2)
    return lines


def _bold(text: str) -> str:
    return "".join(c if c.isspace() or ord(c) > 0xFFFF else chr(_BOLD + ord(c)) for c in text)


def _overstrike(found: re.Match[str]) -> str:
    char = chr(ord(found[0]) - _BOLD)
    return f"{char}\b{char}"
