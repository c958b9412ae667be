"""All that is ours in a tree of thumbnails in a bucket: find it and remove it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import groupby, islice

from thumbnailer.buckets.client.requests import Stopped
from thumbnailer.buckets.origins import Origins
from thumbnailer.buckets.orphans.remove import remove_from_bucket
from thumbnailer.buckets.orphans.thumbnail_tree import ThumbnailTree, only_objects
from thumbnailer.model import Folder
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.gallery_page import PAGE_NAME, is_our_page
from thumbnailer.thumbs.orphans.orphan import OwnThumbnail
from thumbnailer.thumbs.orphans.own_files import OwnFiles

# How many thumbnails are looked at together.
_BATCH = 256


def own_in_bucket(tree: ThumbnailTree, origins: Origins) -> Iterator[OwnFiles | Removal]:
    """Yield what is ours in each folder: the page, and thumbnails of pictures in the roots.

    A thumbnail that does not say of which picture it is counts as one of the roots'.

    Raises:
        OSError: the tree can't be listed.
    """
    with suppress(Stopped):
        if page_bytes := _page_bytes(tree):
            yield OwnFiles(tree.folder(""), [], page_bytes)
        for folder, group in groupby(_own(tree, origins, set()), _folder_of):
            found = [*group]
            if folder:
                yield OwnFiles(folder, [one for one in found if isinstance(one, OwnThumbnail)])
            yield from (one for one in found if isinstance(one, Removal))


def clean_bucket(tree: ThumbnailTree, origins: Origins) -> Iterator[Removal]:
    """Remove what `own_in_bucket` finds, then the marks of folders without any thumbnail.

    Raises:
        OSError: the tree can't be listed.
        OutputError: the credentials have expired.
    """
    kept, needed = list[Removal](), set[str]()

    def thumbnails() -> Iterator[OwnThumbnail]:
        for one in _own(tree, origins, needed):
            if isinstance(one, OwnThumbnail):
                yield one
            else:
                kept.append(one)

    with suppress(Stopped):
        if _page_bytes(tree):
            tree.bucket.run(partial(tree.bucket.delete, tree.key(PAGE_NAME)))
            yield Removal(tree.folder("").path_of(PAGE_NAME), "", "removed")
        for one, removal in remove_from_bucket(tree, thumbnails()):
            if removal.status != "removed":
                needed.add(one.folder.below)
            yield removal
        yield from kept
        tree.remove_markers(lambda one: one.folder not in needed)


def _own(
    tree: ThumbnailTree, origins: Origins, needed: set[str]
) -> Iterator[OwnThumbnail | Removal]:
    """Yield thumbnails of pictures in the roots, and what can't be looked at.

    Args:
        needed: the folders of others, and of what can't be looked at, are added to these.
    """
    objects = only_objects(tree.own())
    for batch in iter(lambda: [*islice(objects, _BATCH)], []):
        for one, answer in tree.look_at(batch, origins):
            if isinstance(answer, OwnThumbnail):
                yield answer
                continue
            needed.add(one.folder)
            if answer:
                yield Removal(tree.folder(one.folder).path_of(one.name), "", "failed", answer)


def _folder_of(one: OwnThumbnail | Removal) -> Folder | None:
    return one.folder if isinstance(one, OwnThumbnail) else None


def _page_bytes(tree: ThumbnailTree) -> int:
    """Return the length of the gallery page in the tree; 0 if there is none of ours."""
    bucket = tree.bucket
    with suppress(OSError):
        data, _, _ = bucket.run(partial(bucket.get, tree.key(PAGE_NAME)))
        return len(data) if is_our_page(data) else 0
    return 0
