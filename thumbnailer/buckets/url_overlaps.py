"""Find SOURCEs in buckets whose pictures others have."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from thumbnailer.scan.overlaps import Overlap
from thumbnailer.scan.selection import Choice
from thumbnailer.urls import is_url, split_url


def find_url_overlaps(
    folders: Iterable[str], files: Iterable[str], choice: Choice, output: str
) -> dict[str, Overlap]:
    """Return what `scan.overlaps.find_overlaps` does, for prefixes and objects.

    Args:
        output: the output, which is not scanned.
    """
    overlaps: dict[str, Overlap] = {}
    roots: dict[str, str] = {}
    named: dict[str, str] = {}
    ours = f"{_whole_key(output)}/" if is_url(output) else ""

    def found(url: str, takes: Callable[[str], bool]) -> Overlap | None:
        key = _whole_key(url)
        for above, root in roots.items():
            inner = f"{key}/".removeprefix(f"{above}/").rstrip("/").replace("/", os.sep)
            is_below = f"{key}/".startswith(f"{above}/")
            if is_below and not (ours and f"{key}/".startswith(ours)) and takes(inner):
                return Overlap(root, inner)
        return None

    for url in sorted(folders, key=lambda url: len(_whole_key(url))):
        if overlap := found(url, choice.enters):
            overlaps[url] = overlap
        else:
            roots[_whole_key(url)] = url
    for url in files:
        if overlap := found(url, choice.finds):
            overlaps[url] = overlap
        elif (same := named.setdefault(_whole_key(url), url)) != url:
            overlaps[url] = Overlap(same, "")
    return overlaps


def _whole_key(url: str) -> str:
    return "/".join(filter(None, split_url(url)))
