"""Thumbnails that a template names are found in a listing, whatever order their names have."""

from __future__ import annotations

import random
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.listed_tree import ListedTree, assert_state, marks_in

from thumbnailer.buckets.look_up.held_folders import HeldFolders, TemplatedListing

# Few characters, among them those around "/", so that folders and names stand in every order.
PARTS = st.text("a!-.0é", min_size=1, max_size=2).filter(lambda part: part.strip("."))
FOLDERS = st.lists(PARTS, max_size=3).map("/".join)
KEYS = st.builds(lambda folder, name: f"{folder}/{name}.jpg".lstrip("/"), FOLDERS, PARTS)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(KEYS, max_size=16, unique=True),
    st.sets(KEYS, max_size=16),
    st.sets(FOLDERS, max_size=4),
    st.booleans(),
    st.integers(1, 8),
    st.integers(0, 12),
)
def test_it_is_as_if_all_were_known(
    wanted: list[str], there: set[str], marked: set[str], in_order: bool, page: int, most: int
) -> None:
    there = there | {*wanted[::2]}
    tree = ListedTree(there | marks_in(marked))
    by_key = {entry.key: entry for entry in tree.entries}
    held, templated = HeldFolders(tree, page, most), TemplatedListing(tree)
    for key in sorted(wanted) if in_order else wanted:
        other = f"{key}.png"
        folder = key.rpartition("/")[0]
        for listing in (held, templated):
            state, found = listing.look_up(other, key)
            assert found == [by_key.get(other), by_key.get(key)]
            assert_state(state, is_marked=folder in marked)


def hashed(number: int) -> str:
    return blake2b(b"%d" % number, digest_size=8).hexdigest()


def test_names_in_the_order_of_their_sources_are_read_once() -> None:
    keys = [f"{folder:03}/{name:02}.webp" for folder in range(50) for name in range(40)]
    tree = ListedTree({*keys})
    listing = TemplatedListing(tree)
    assert all(entry for key in keys for entry in listing.look_up(key)[1])
    assert (tree.listings, tree.read) == (1, len(keys))


def test_names_in_no_order_are_read_a_few_times() -> None:
    keys = [f"{folder}/{hashed(name)}.jpg" for folder in "abc" for name in range(2000)]
    tree = ListedTree({*keys} | {f"b/{number:03}/x.jpg" for number in range(500)})
    listing = TemplatedListing(tree)
    assert all(entry for key in keys for entry in listing.look_up(key)[1])
    assert tree.listings < 100
    assert tree.read < 100 * 1000 + 2 * len(tree.entries)


@pytest.mark.parametrize("most", [10, 50_000])
def test_folders_in_a_folder_are_not_listed_one_by_one(most: int) -> None:
    inner = [f"{number:04}/{name}.jpg" for number in range(1000) for name in "ab"]
    keys = sorted([*inner, *(f"{number:04}.jpg" for number in range(1000))])
    tree = ListedTree({*keys})
    listing = HeldFolders(tree, most=most)
    assert all(entry for key in keys for entry in listing.look_up(key)[1])
    assert tree.listings <= 3
    assert tree.read <= 3 * len(keys)


def test_a_large_folder_in_a_folder_is_passed_over_and_read_when_it_is_due() -> None:
    keys = [f"b/{number:05}.jpg" for number in range(30_000)]
    tree = ListedTree({"a.jpg", "c.jpg", *keys})
    listing = HeldFolders(tree)
    assert all(listing.look_up("a.jpg", "c.jpg")[1])
    assert tree.read < 1100
    random.Random(1).shuffle(keys)
    assert all(entry for key in keys for entry in listing.look_up(key)[1])
    assert tree.listings == 3


def test_folders_without_thumbnails_cost_no_listing_each() -> None:
    tree = ListedTree({"a.jpg"})
    listing = HeldFolders(tree)
    assert listing.look_up("a.jpg")[1] != [None]
    for number in range(100):
        assert listing.look_up(f"{number}/a.jpg")[1] == [None]
    assert tree.listings == 1


def test_no_more_is_held_than_the_folders_in_use() -> None:
    keys = sorted([*(f"{number % 50:02}/{number:05}.jpg" for number in range(50_000)), "00.jpg"])
    tree = ListedTree({*keys})
    listing = HeldFolders(tree, most=5000)
    for key in keys:
        listing.look_up(key)
        assert listing._count <= 5000 + 1000 + 2
    assert tree.listings < 120
