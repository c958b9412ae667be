"""Listings side by side say the same as a dictionary of all there is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile

from hypothesis import given, settings
from hypothesis import strategies as st

from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.look_up.merge_listings import ThumbnailListing
from thumbnailer.buckets.marker_objects import LOOKS_FOLDER, RECORDS_FOLDER
from thumbnailer.thumbs.ledger.lines import MARK
from thumbnailer.thumbs.naming import untruncated_name

# Few characters, among them those around "." and "/" and beyond ASCII, so that keys often begin
# alike and stand in every order.
PARTS = st.text("a!-.0~é", min_size=1, max_size=3).filter(lambda part: part.strip("."))
NAMES = st.builds(lambda stem, ending: stem + ending, PARTS, st.sampled_from([".jpg", ".png"]))
FOLDERS = st.lists(PARTS, max_size=2).map("/".join)
KEYS = st.builds(lambda folder, name: f"{folder}/{name}".lstrip("/"), FOLDERS, NAMES)


def thumbnails_of(source: str) -> list[str]:
    folder, slash, name = source.rpartition("/")
    return [folder + slash + untruncated_name(name, format) for format in ("jpeg", "png")]


class Tree:
    """Objects, and how many of them were listed."""

    def __init__(self, keys: set[str]) -> None:
        self.entries = [ListedObject(key, 1, 1, key) for key in sorted(keys)]
        self.listings = self.read = 0

    def __call__(self, after: str) -> Iterator[ListedObject]:
        self.listings += 1
        for entry in dropwhile(lambda entry: entry.key <= after, self.entries):
            self.read += 1
            yield entry


@settings(max_examples=100, deadline=None)
@given(
    st.lists(KEYS, max_size=12, unique=True),
    st.sets(KEYS, max_size=12),
    st.sets(FOLDERS, max_size=4),
    st.booleans(),
    st.integers(1, 8),
    st.data(),
)
def test_it_is_as_if_all_were_known(
    sources: list[str],
    others: set[str],
    marked: set[str],
    in_order: bool,
    page: int,
    data: st.DataObject,
) -> None:
    made = {key for source in sources for key in thumbnails_of(source)}
    there = others | data.draw(st.sets(st.sampled_from(sorted(made))) if made else st.just(set()))
    there |= {f"{folder}/{MARK}".lstrip("/") for folder in marked}
    there |= {f"{folder}/{LOOKS_FOLDER}/5d-0".lstrip("/") for folder in marked}
    there |= {f"{folder}/{RECORDS_FOLDER}/1 2 open a".lstrip("/") for folder in marked}
    tree = Tree(there)
    listing = ThumbnailListing(tree, page)
    for source in sorted(sources) if in_order else sources:
        keys = thumbnails_of(source)
        state, found = listing.look_up(source, *keys)
        assert [entry.key if entry else None for entry in found] == [
            key if key in there else None for key in keys
        ]
        folder = source.rpartition("/")[0]
        assert (state.earlier_mark is not None) == (folder in marked)
        assert set(state.marks) == ({"5d-0"} if folder in marked else set())
        assert state.records == ({"1": "1 2 open a"} if folder in marked else {})


def test_in_the_order_of_keys_it_is_read_once() -> None:
    sources = [f"{folder:03}/{name:02}.png" for folder in range(50) for name in range(40)]
    tree = Tree({key for source in sources for key in thumbnails_of(source)})
    listing = ThumbnailListing(tree)
    for source in sources:
        _, found = listing.look_up(source, *thumbnails_of(source))
        assert all(found)
    assert tree.listings == 1
    assert tree.read == len(tree.entries)


def test_what_lies_between_two_sources_is_not_read_through() -> None:
    between = {f"b/{number:06}.jpg" for number in range(100_000)}
    tree = Tree({"a.jpg", "c.jpg"} | between)
    listing = ThumbnailListing(tree)
    assert all(listing.look_up("a.jpg", "a.jpg")[1] + listing.look_up("c.jpg", "c.jpg")[1])
    assert tree.listings == 2
    assert tree.read < 2000
