"""`plan` for thumbnails in a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice

from thumbnailer.buckets.bucket_state import SOURCE_VERSION, BucketState, FoundThumbnail
from thumbnailer.buckets.client import Bucket
from thumbnailer.buckets.marker_objects import source_version
from thumbnailer.buckets.requests import Stopped
from thumbnailer.model import (
    Failure,
    Job,
    Outcome,
    Source,
    Status,
    Stop,
    Thumbnail,
    WantedThumbnail,
)
from thumbnailer.recipe import Limits, Recipe
from thumbnailer.thumbs.plan import combined_outcome, was_made_from_less
from thumbnailer.urls import split_url

# What a thumbnail says of its source is asked of so many at once.
_HEADS_AT_ONCE = 64

# An outcome, or a source with what there is of each of its thumbnails.
_Item = tuple[Source | Outcome, list[FoundThumbnail]]


def plan(
    sources: Iterable[Source | Outcome],
    recipes: Mapping[str, Recipe],
    limits: Limits,
    *,
    output: str,
    endpoint: str = "",
    verify_etag: bool = False,
    force: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    stop: Stop | None = None,
) -> Iterator[Job | Outcome]:
    """What `plan.plan` gives, for thumbnails in a bucket.

    Args:
        output: the URL of the output tree.
        endpoint, verify_etag: as `Settings` has them.
        stop: once it is set it ends.

    Raises:
        OutputError: the bucket can't be read, or its folders can't be marked.
    """
    bucket = Bucket(split_url(output)[0], endpoint, stop)
    states = [BucketState(bucket, output, size, recipe, limits) for size, recipe in recipes.items()]

    def considered() -> Iterator[_Item]:
        for source in sources:
            if isinstance(source, Outcome):
                yield source, []
                continue
            name = os.path.basename(source.path)
            parts = []
            for state in states:
                found = state.find(source, name)
                if isinstance(found, Failure):
                    status: Status = "skipped" if found.stage == "scan" else "failed"
                    yield Outcome(source, status, error=found), []
                    break
                is_enough = found.standing and suffices(found.standing)
                parts.append(found if is_enough else found._replace(standing=None))
            else:
                yield source, parts

    def suffices(standing: Outcome) -> bool:
        if force or was_made_from_less(standing, limits):
            return False
        return standing.status == "current" or not retry_failed

    items = considered()
    try:
        for source, parts in _checked_by_etag(items, bucket) if verify_etag else items:
            standing = [found.standing for found in parts if found.standing]
            if isinstance(source, Outcome):
                yield source
            elif len(standing) == len(parts):
                yield standing[0] if len(standing) == 1 else combined_outcome(source, standing)
            elif dry_run:
                yield Outcome(source, "skipped", error=Failure("dry run", "would be made"))
            else:
                thumbnails = list[WantedThumbnail | Thumbnail]()
                for state, found in zip(states, parts, strict=True):
                    if found.standing:
                        thumbnails += found.standing.thumbnails or [state.wanted(source, found)]
                    else:
                        state.announce(found.folder)
                        thumbnails.append(state.wanted(source, found))
                yield Job(source, tuple(thumbnails), limits)
    except Stopped:
        return


def _checked_by_etag(items: Iterator[_Item], bucket: Bucket) -> Iterator[_Item]:
    """The same, but what a thumbnail says that was made of other content no longer stands."""
    while some := list(islice(items, _HEADS_AT_ONCE)):
        keys = [split_url(made.path)[1] for _, parts in some for made in _made(parts)]
        answers = bucket.run_concurrently([partial(bucket.head, key) for key in keys])
        said = {
            f"{bucket.url}/{key}": answer[1].get(SOURCE_VERSION)
            for key, answer in zip(keys, answers, strict=True)
            if not isinstance(answer, OSError)
        }
        for source, parts in some:
            if isinstance(source, Source):
                right = source_version(source)
                parts = [
                    found._replace(standing=None)
                    if any(said.get(made.path) != right for made in _made([found]))
                    else found
                    for found in parts
                ]
            yield source, parts


def _made(parts: Iterable[FoundThumbnail]) -> Iterator[Thumbnail]:
    return (made for found in parts if found.standing for made in found.standing.thumbnails)
