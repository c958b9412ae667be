"""What is ours in a tree of thumbnails in a bucket, by its listing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from thumbnailer.buckets.client.bucket import AFTER_ALL_KEYS
from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.marker_objects import LOOKS_FOLDER, RECORDS_FOLDER, Mark, newest_mark
from thumbnailer.thumbs.ledger.lines import MARK

# Reads the mark that an earlier version has put.
ReadMark = Callable[[ListedObject], Mark]


class OwnObject(NamedTuple):
    """An object in a marked folder that is no older than the mark: it may be a thumbnail."""

    folder: str
    name: str
    entry: ListedObject


class OwnFolder(NamedTuple):
    """The end of a folder that is marked, or has records.

    Attributes:
        markers: the keys of its marks and records.
        others: how many other objects are in it, whoever has put them.
    """

    folder: str
    markers: list[str]
    others: int


@dataclass(slots=True)
class _Reading:
    """A folder whose listing has begun.

    Attributes:
        held: objects that came before it was known whether the folder is marked.
        mark: what marks it, once that is known.
    """

    folder: str
    marks: dict[str, ListedObject] = field(default_factory=dict)
    earlier_mark: ListedObject | None = None
    markers: list[str] = field(default_factory=list)
    held: list[OwnObject] = field(default_factory=list)
    others: int = 0
    mark: Mark | None = None
    is_known: bool = False

    def flushed(self, read_mark: ReadMark) -> list[OwnObject]:
        """Return what was held and is ours, now that all marks have come."""
        if not self.is_known:
            self.is_known, self.mark = True, newest_mark(self.marks)
            if not self.mark and self.earlier_mark:
                self.mark = read_mark(self.earlier_mark)
        held, self.held = self.held, []
        return [one for one in held if self.mark and one.entry.modified >= self.mark.ours]


def own_objects(
    entries: Iterable[ListedObject], read_mark: ReadMark
) -> Iterator[OwnObject | OwnFolder]:
    """Yield what may be ours, and each folder after all that is directly in it.

    All keys below a folder come in a row, so that only the folders on one path are held.

    Args:
        entries: the objects of the tree in order, with keys relative to it.
    """
    path: list[_Reading] = []
    for entry in entries:
        folder, _, name = entry.key.rpartition("/")
        above, _, inner = folder.rpartition("/")
        is_marker = inner in (LOOKS_FOLDER, RECORDS_FOLDER)
        at = above if is_marker else folder
        while path and path[-1].folder and not f"{at}/".startswith(f"{path[-1].folder}/"):
            yield from _ended(path.pop(), read_mark)
        if not path or path[-1].folder != at:
            path.append(_Reading(at))
        reading = path[-1]
        if is_marker or name == MARK:
            reading.markers.append(entry.key)
            if inner == LOOKS_FOLDER:
                reading.marks[name] = entry
            elif not is_marker:
                reading.earlier_mark = entry
            continue
        reading.others += 1
        reading.held.append(OwnObject(folder, name, entry))
        if reading.is_known or name > f"{LOOKS_FOLDER}/{AFTER_ALL_KEYS}":
            yield from reading.flushed(read_mark)
    while path:
        yield from _ended(path.pop(), read_mark)


def _ended(reading: _Reading, read_mark: ReadMark) -> Iterator[OwnObject | OwnFolder]:
    yield from reading.flushed(read_mark)
    if reading.markers:
        yield OwnFolder(reading.folder, reading.markers, reading.others)
