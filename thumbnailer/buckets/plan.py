"""`plan` for thumbnails in a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice

from thumbnailer.buckets.bucket_state import VERSION, Depot, Found
from thumbnailer.buckets.client import Bucket
from thumbnailer.buckets.marker_objects import version_of
from thumbnailer.buckets.requests import Stopped
from thumbnailer.model import Failure, Job, Outcome, Source, Status, Stop, Thumbnail, Wanted
from thumbnailer.recipe import Limits, Recipe
from thumbnailer.thumbs.plan import is_less, together
from thumbnailer.urls import split

# What a thumbnail says of its source is asked of so many at once.
_ASKED_AT_ONCE = 64

# An outcome, or a source with what there is of each of its thumbnails.
_Item = tuple[Source | Outcome, list[Found]]


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
    bucket = Bucket(split(output)[0], endpoint, stop)
    depots = [Depot(bucket, output, size, recipe, limits) for size, recipe in recipes.items()]

    def considered() -> Iterator[_Item]:
        for source in sources:
            if isinstance(source, Outcome):
                yield source, []
                continue
            name = os.path.basename(source.path)
            parts = []
            for depot in depots:
                found = depot.look(source, name)
                if isinstance(found, Failure):
                    status: Status = "skipped" if found.stage == "scan" else "failed"
                    yield Outcome(source, status, error=found), []
                    break
                is_enough = found.standing and suffices(found.standing)
                parts.append(found if is_enough else found._replace(standing=None))
            else:
                yield source, parts

    def suffices(standing: Outcome) -> bool:
        if force or is_less(standing, limits):
            return False
        return standing.status == "current" or not retry_failed

    items = considered()
    try:
        for source, parts in _verified(items, bucket) if verify_etag else items:
            standing = [found.standing for found in parts if found.standing]
            if isinstance(source, Outcome):
                yield source
            elif len(standing) == len(parts):
                yield standing[0] if len(standing) == 1 else together(source, standing)
            elif dry_run:
                yield Outcome(source, "skipped", error=Failure("dry run", "would be made"))
            else:
                thumbnails = list[Wanted | Thumbnail]()
                for depot, found in zip(depots, parts, strict=True):
                    if found.standing:
                        thumbnails += found.standing.thumbnails or [depot.wanted(source, found)]
                    else:
                        depot.announce(found.folder)
                        thumbnails.append(depot.wanted(source, found))
                yield Job(source, tuple(thumbnails), limits)
    except Stopped:
        return


def _verified(items: Iterator[_Item], bucket: Bucket) -> Iterator[_Item]:
    """The same, but what a thumbnail says that was made of other content no longer stands."""
    while some := list(islice(items, _ASKED_AT_ONCE)):
        keys = [split(made.path)[1] for _, parts in some for made in _made(parts)]
        answers = bucket.at_once([partial(bucket.head, key) for key in keys])
        said = {
            f"{bucket.url}/{key}": answer[1].get(VERSION)
            for key, answer in zip(keys, answers, strict=True)
            if not isinstance(answer, OSError)
        }
        for source, parts in some:
            if isinstance(source, Source):
                right = version_of(source)
                parts = [
                    found._replace(standing=None)
                    if any(said.get(made.path) != right for made in _made([found]))
                    else found
                    for found in parts
                ]
            yield source, parts


def _made(parts: Iterable[Found]) -> Iterator[Thumbnail]:
    return (made for found in parts if found.standing for made in found.standing.thumbnails)
