"""Remove thumbnails from a bucket, after a look whether each is still due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.buckets.client.errors import CredentialsEnded
from thumbnailer.buckets.client.requests import Stopped
from thumbnailer.buckets.orphans.own_objects import OwnFolder
from thumbnailer.buckets.orphans.thumbnail_tree import ThumbnailTree
from thumbnailer.errors import OutputError
from thumbnailer.model import Failure
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.orphans.orphan import Orphan, OwnThumbnail, ask_again
from thumbnailer.urls import split_url

# How many thumbnails are looked at, and then removed, together.
_BATCH = 256


def prune_bucket(
    tree: ThumbnailTree, thumbnails: Iterable[OwnThumbnail], asked: AskedFor
) -> Iterator[Removal]:
    """Remove thumbnails that are still due, then the marks of folders that hold nothing else.

    Args:
        asked: what there should be: a folder where a thumbnail is to come keeps its mark.

    Raises:
        OutputError: the credentials have expired.
    """
    emptied = set[str]()

    def is_unused(one: OwnFolder) -> bool:
        is_asked_for = tree.folder(one.folder).path in asked.folders
        return one.folder in emptied and not one.others and not is_asked_for

    with suppress(Stopped):
        for one, removal in remove_from_bucket(tree, thumbnails):
            if removal.status == "removed":
                emptied.add(one.folder.below)
            yield removal
        if emptied:
            tree.remove_markers(is_unused, emptied)


def remove_from_bucket(
    tree: ThumbnailTree, thumbnails: Iterable[OwnThumbnail]
) -> Iterator[tuple[OwnThumbnail, Removal]]:
    """Remove thumbnails that are still due; yield each with what has become of it.

    An orphan goes if its picture is still gone, any other thumbnail if it is still the same.

    Raises:
        Stopped: the tree's `stop` was set.
        OutputError: the credentials have expired.
    """
    pending = iter(thumbnails)
    for batch in iter(lambda: [*islice(pending, _BATCH)], []):
        for one, answer in zip(batch, _removed(tree, batch), strict=True):
            if answer is True:
                yield one, Removal(one.path, one.source, "removed")
            elif answer:
                failure = Failure("write", answer.strerror or "")
                yield one, Removal(one.path, one.source, "failed", failure)
                if isinstance(answer, CredentialsEnded):
                    raise OutputError(f"stopped early: {tree.url}: {failure.reason}")


def _removed(tree: ThumbnailTree, batch: Sequence[OwnThumbnail]) -> list[bool | OSError]:
    """Remove some thumbnails; return for each whether it was due and is gone, or why it is not."""
    ask_again(batch)
    bucket = tree.bucket
    others = [one for one in batch if not isinstance(one, Orphan)]
    heads = bucket.run_concurrently([partial(bucket.head, _key(one)) for one in others])
    etags = {
        id(one): head if isinstance(head, OSError) else head[0].etag
        for one, head in zip(others, heads, strict=True)
    }
    answers = [_is_due(one, etags.get(id(one), "")) for one in batch]
    due = [at for at, answer in enumerate(answers) if answer is True]
    errors = _delete(bucket, [_key(batch[at]) for at in due])
    for at, answer in zip(due, errors, strict=True):
        answers[at] = answer or True
    return answers


def _is_due(one: OwnThumbnail, etag: str | OSError) -> bool | OSError:
    """Return whether a thumbnail is to go at this moment, or why that can't be determined.

    Args:
        etag: what it has now, if it is no orphan.
    """
    if isinstance(one, Orphan):
        try:
            return one.is_still_gone()
        except OSError as error:
            return error
    if isinstance(etag, OSError):
        return False if isinstance(etag, FileNotFoundError) else etag
    return etag == one.etag


def _delete(bucket: Bucket, keys: Sequence[str]) -> list[OSError | None]:
    """Delete objects, in one request where the service can do that; return the error of each."""
    if not keys:
        return []
    try:
        bucket.run(partial(bucket.delete, *keys))
    except OSError:  # it does not tell of which
        return bucket.run_concurrently([partial(bucket.delete, key) for key in keys])
    return [None] * len(keys)


def _key(one: OwnThumbnail) -> str:
    return split_url(one.path)[1]
