"""Listings side by side say the same as a dictionary of all there is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from support.listed_tree import ListedTree, assert_state, marks_in

from thumbnailer.buckets.look_up.listing_ahead import ListingAhead
from thumbnailer.buckets.look_up.merge_listings import ThumbnailListing
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


@settings(max_examples=100, deadline=None)
@given(
    st.lists(KEYS, max_size=12, unique=True),
    st.sets(KEYS, max_size=12),
    st.sets(FOLDERS, max_size=4),
    st.booleans(),
    st.integers(1, 8),
    st.dictionaries(st.integers(0, 12), st.lists(KEYS, max_size=3), max_size=3),
    st.data(),
)
def test_it_is_as_if_all_were_known(
    sources: list[str],
    others: set[str],
    marked: set[str],
    in_order: bool,
    page: int,
    expected: dict[int, list[str]],
    data: st.DataObject,
) -> None:
    made = {key for source in sources for key in thumbnails_of(source)}
    there = others | data.draw(st.sets(st.sampled_from(sorted(made))) if made else st.just(set()))
    there |= marks_in(marked)
    tree = ListedTree(there)
    ahead = ListingAhead(tree)
    listing = ThumbnailListing(ahead.after, page)
    for number, source in enumerate(sorted(sources) if in_order else sources):
        ahead.expect(expected.get(number, ()))
        keys = thumbnails_of(source)
        state, found = listing.look_up(source, *keys)
        assert [entry.key if entry else None for entry in found] == [
            key if key in there else None for key in keys
        ]
        folder = source.rpartition("/")[0]
        assert_state(state, is_marked=folder in marked)


@settings(max_examples=200, deadline=None)
@given(st.sets(KEYS), st.lists(KEYS, max_size=3), KEYS, st.booleans())
def test_listings_from_several_places_yield_what_one_does(
    keys: set[str], places: list[str], start: str, is_by_folders: bool
) -> None:
    tree = ListedTree(keys, place=lambda key: key.split("/")) if is_by_folders else ListedTree(keys)
    ahead = ListingAhead(tree)
    ahead.expect(places)
    assert [*ahead.after(start)] == [*tree(start)]


def test_in_the_order_of_keys_it_is_read_once() -> None:
    sources = [f"{folder:03}/{name:02}.png" for folder in range(50) for name in range(40)]
    tree = ListedTree({key for source in sources for key in thumbnails_of(source)})
    listing = ThumbnailListing(tree)
    for source in sources:
        _, found = listing.look_up(source, *thumbnails_of(source))
        assert all(found)
    assert tree.listings == 1
    assert tree.read == len(tree.entries)


def test_what_lies_between_two_sources_is_not_read_through() -> None:
    between = {f"b/{number:06}.jpg" for number in range(100_000)}
    tree = ListedTree({"a.jpg", "c.jpg"} | between)
    listing = ThumbnailListing(tree)
    assert all(listing.look_up("a.jpg", "a.jpg")[1] + listing.look_up("c.jpg", "c.jpg")[1])
    assert tree.listings == 2
    assert tree.read < 2000
