"""Plan thumbnails in a bucket: what `thumbs.plan` does for thumbnails on disk."""

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
from thumbnailer.thumbs.plan import combined_outcome, is_from_damaged_source
from thumbnailer.urls import split_url

# How many sources at a time have the attributes of their thumbnails requested together.
_HEADS_AT_ONCE = 64

# An outcome, or a source with what the bucket has of each of its thumbnails.
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
    """Yield a job for each source that needs one and an outcome for each other, for a bucket.

    All arguments that are not listed here are those of `thumbs.plan.plan`.

    Args:
        output: the URL of the output tree.
        endpoint, verify_etag: as in `Settings`.
        stop: once it is set the iterator ends.

    Raises:
        OutputError: the bucket can't be read, or its folders can't be marked.
    """
    bucket = Bucket(split_url(output)[0], endpoint, stop)
    states = [BucketState(bucket, output, size, recipe, limits) for size, recipe in recipes.items()]

    def found_items() -> Iterator[_Item]:
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
                is_enough = found.earlier_outcome and suffices(found.earlier_outcome)
                parts.append(found if is_enough else found._replace(earlier_outcome=None))
            else:
                yield source, parts

    def suffices(earlier: Outcome) -> bool:
        if force or is_from_damaged_source(earlier, limits):
            return False
        return earlier.status == "current" or not retry_failed

    items = found_items()
    try:
        for source, parts in _checked_by_etag(items, bucket) if verify_etag else items:
            earlier = [found.earlier_outcome for found in parts if found.earlier_outcome]
            if isinstance(source, Outcome):
                yield source
            elif len(earlier) == len(parts):
                yield earlier[0] if len(earlier) == 1 else combined_outcome(source, earlier)
            elif dry_run:
                yield Outcome(source, "skipped", error=Failure("dry run", "would be made"))
            else:
                thumbnails = list[WantedThumbnail | Thumbnail]()
                for state, found in zip(states, parts, strict=True):
                    if found.earlier_outcome:
                        thumbnails += found.earlier_outcome.thumbnails or [
                            state.wanted(source, found)
                        ]
                    else:
                        state.put_mark(found.folder)
                        thumbnails.append(state.wanted(source, found))
                yield Job(source, tuple(thumbnails), limits)
    except Stopped:
        return


def _checked_by_etag(items: Iterator[_Item], bucket: Bucket) -> Iterator[_Item]:
    """Yield the items, without `earlier_outcome` for thumbnails that were made of other content."""
    while batch := list(islice(items, _HEADS_AT_ONCE)):
        keys = [split_url(made.path)[1] for _, parts in batch for made in _thumbnails(parts)]
        answers = bucket.run_concurrently([partial(bucket.head, key) for key in keys])
        made_from = {
            f"{bucket.url}/{key}": answer[1].get(SOURCE_VERSION)
            for key, answer in zip(keys, answers, strict=True)
            if not isinstance(answer, OSError)
        }
        for source, parts in batch:
            if isinstance(source, Source):
                expected = source_version(source)
                parts = [
                    found._replace(earlier_outcome=None)
                    if any(made_from.get(made.path) != expected for made in _thumbnails([found]))
                    else found
                    for found in parts
                ]
            yield source, parts


def _thumbnails(parts: Iterable[FoundThumbnail]) -> Iterator[Thumbnail]:
    return (
        made
        for found in parts
        if found.earlier_outcome
        for made in found.earlier_outcome.thumbnails
    )
