"""Objects with the marks and records of folders, listed as a bucket lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import dropwhile
from typing import Any

from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.look_up.merge_listings import FolderState
from thumbnailer.buckets.marker_objects import LOOKS_FOLDER, RECORDS_FOLDER
from thumbnailer.thumbs.ledger.lines import MARK


class ListedTree:
    """Objects, and how many of them were listed.

    Args:
        place: by what the server orders its keys, if not by themselves.
    """

    def __init__(self, keys: set[str], place: Callable[[str], Any] = str) -> None:
        self._place, in_order = place, sorted(keys, key=place)
        self.entries = [ListedObject(key, len(key), at, key) for at, key in enumerate(in_order)]
        self.listings = self.read = 0

    def __call__(self, after: str, _: object = None) -> Iterator[ListedObject]:
        self.listings += 1
        start = self._place(after)
        for entry in dropwhile(lambda entry: self._place(entry.key) <= start, self.entries):
            self.read += 1
            yield entry


def marks_in(folders: Iterable[str]) -> set[str]:
    """The keys of marks of both kinds, and of a record, in each of some folders."""
    names = MARK, f"{LOOKS_FOLDER}/5d-0", f"{RECORDS_FOLDER}/1 2 open a"
    return {f"{folder}/{name}".lstrip("/") for folder in folders for name in names}


def assert_state(state: FolderState, *, is_marked: bool) -> None:
    """A folder has the marks and the record of `marks_in`, or none."""
    assert (state.earlier_mark is not None) == is_marked
    assert set(state.marks) == ({"5d-0"} if is_marked else set())
    assert state.records == ({"1": "1 2 open a"} if is_marked else {})
