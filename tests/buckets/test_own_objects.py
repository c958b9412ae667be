"""What is ours in a tree of thumbnails, by its listing: against a reading folder by folder."""

from __future__ import annotations

import random

from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.marker_objects import (
    LOOKS_FOLDER,
    RECORDS_FOLDER,
    Mark,
    mark_name,
    newest_mark,
)
from thumbnailer.buckets.orphans.own_objects import OwnFolder, OwnObject, own_objects

NAMES = ["a", "b.jpg", "#1.jpg", "(x)", ".hidden", ".z", "~.png", "ü", " ", "a b", "a0", "a-"]
MARKERS = [
    ".thumbnailer",
    f"{LOOKS_FOLDER}/{mark_name('5d41', 0)}",
    f"{LOOKS_FOLDER}/{mark_name('90fa', 150)}",
    f"{RECORDS_FOLDER}/4be1 90fa open is empty",
]


def some_tree(chance: random.Random) -> list[ListedObject]:
    """A listing of folders in folders, some of them marked."""
    keys = set[str]()
    for _ in range(chance.randrange(1, 40)):
        folders = [chance.choice(NAMES) for _ in range(chance.randrange(4))]
        keys.add("/".join([*folders, chance.choice(NAMES)]))
        if chance.random() < 0.5:
            keys.add("/".join([*folders, chance.choice(MARKERS)]))
    return sorted(ListedObject(key, 1, chance.randrange(100, 200), "") for key in keys)


def by_folder(tree: list[ListedObject]) -> tuple[set[str], dict[str, tuple[set[str], int]]]:
    """The keys that are ours; and each folder with markers, these, and how many others it has."""
    folders: dict[str, list[ListedObject]] = {}
    markers: dict[str, set[str]] = {}
    marks: dict[str, dict[str, ListedObject]] = {}
    earlier: dict[str, ListedObject] = {}
    for entry in tree:
        folder, _, name = entry.key.rpartition("/")
        above, _, inner = folder.rpartition("/")
        if inner in (LOOKS_FOLDER, RECORDS_FOLDER):
            markers.setdefault(above, set()).add(entry.key)
            if inner == LOOKS_FOLDER:
                marks.setdefault(above, {})[name] = entry
        elif name == ".thumbnailer":
            markers.setdefault(folder, set()).add(entry.key)
            earlier[folder] = entry
        else:
            folders.setdefault(folder, []).append(entry)
    ours = set[str]()
    for folder, entries in folders.items():
        mark = newest_mark(marks.get(folder, {}))
        if not mark and folder in earlier:
            mark = read(earlier[folder])
        ours |= {one.key for one in entries if mark and one.modified >= mark.ours}
    return ours, {at: (keys, len(folders.get(at, ()))) for at, keys in markers.items()}


def read(entry: ListedObject) -> Mark:
    return Mark("", entry.modified, entry.modified)


def test_all_of_it_is_found_and_nothing_else() -> None:
    chance = random.Random(19)
    for _ in range(3000):
        tree = some_tree(chance)
        found = [*own_objects(tree, read)]
        ours, folders = by_folder(tree)
        objects = [one for one in found if isinstance(one, OwnObject)]
        assert sorted(one.entry.key for one in objects) == sorted(ours)
        assert all(one.entry.key == f"{one.folder}/{one.name}".lstrip("/") for one in objects)
        ended = [one for one in found if isinstance(one, OwnFolder)]
        assert {one.folder: ({*one.markers}, one.others) for one in ended} == folders
        assert len(ended) == len(folders)
