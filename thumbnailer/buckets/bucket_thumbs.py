"""Thumbnails in a bucket: what there is of each, and how those that are made get there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property, partial
from itertools import islice

from thumbnailer.buckets.bucket_state import BucketState
from thumbnailer.buckets.client.bucket import PAGE_KEYS, Bucket
from thumbnailer.buckets.client.requests import Stopped
from thumbnailer.buckets.headers import made_from
from thumbnailer.buckets.marker_objects import source_version
from thumbnailer.buckets.put_marks import delete_outdated, ensure_mark
from thumbnailer.buckets.transfer import put_thumbnails
from thumbnailer.errors import OutputError, shortened
from thumbnailer.layout import Layout
from thumbnailer.model import Answer, Failure, Job, Outcome, Run, Source, Stop
from thumbnailer.thumbs.naming import may_be_shared
from thumbnailer.thumbs.plan import Slot, SourceSlots, plan, refused
from thumbnailer.urls import split_url

# How many sources are known ahead. With a folder for each, the keys of half of them fill nine
# tenths of a page: with some records of failures, it reaches to where the listing is begun again.
_SOURCES_AHEAD, _AHEAD_SECONDS = PAGE_KEYS * 9 // 10, 1.0

# How many sources at a time have the attributes of their thumbnails requested together.
_HEADS_AT_ONCE = 64

_UNCONDITIONAL = (
    "{}: its server takes no conditional writes: each costs a HEAD more, and of two runs that "
    "write the same at once the later one wins"
)


class BucketThumbs:
    """The thumbnails of a run in a bucket; see `door.Thumbs`.

    Args:
        layout: which thumbnails there should be, and where.
        stop: once it is set, answers are not waited for.
        live: sources may be a long time coming, so none waits for the next.
    """

    def __init__(self, layout: Layout, stop: Stop | None, *, live: bool = False) -> None:
        self._layout, self._stop = layout, stop
        self._live, self._heads_at_once = live, 1 if live else _HEADS_AT_ONCE

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(split_url(self._layout.output)[0], self._layout.endpoint, self._stop)

    @cached_property
    def _states(self) -> list[BucketState]:
        return [BucketState(self._bucket, self._layout, size) for size in self._layout.recipes]

    def prepare(self, earlier: tuple[int, int] | None = None) -> None:
        """Do nothing: folders are marked when the first thumbnail goes into them."""

    def anew(self) -> BucketThumbs:
        """Return the same thumbnails, to be looked at anew; whose they are is remembered."""
        anew = BucketThumbs(self._layout, self._stop, live=self._live)
        for state, before in zip(anew._states, self._states, strict=True):
            state.remember_claims(before)
        return anew

    def look(
        self, found: Iterable[Source | Outcome], *, quick: bool = True
    ) -> Iterator[SourceSlots | Outcome]:
        """Yield what the bucket has of each source's thumbnails, or why it can have none.

        Raises:
            OutputError: the bucket can't be read.
        """
        items = (item for item in map(self._slots, self._expected(found)) if item)
        # A listing does not tell whose a thumbnail is: it may be that of another picture, which is
        # gone or left out by now.
        checks = self._layout.verify_etag or may_be_shared(self._layout.template)
        with suppress(Stopped):
            yield from self._checked_by_etag(items) if checks and quick else items

    def plan(self, found: Iterable[Source | Outcome], run: Run) -> Iterator[Job | Outcome]:
        """Yield a job for each source that needs one and an outcome for each other.

        The folders of the first job are marked at once, so that a run that may not write ends
        before it has fetched anything; those of the others beside the work.

        Raises:
            OutputError: the bucket can't be read, or a folder can't be marked.
        """
        is_first = True
        try:
            for item in plan(self.look(found, quick=not run.force), self._layout.limits, run):
                if is_first and isinstance(item, Job):
                    self._mark_folders(item)
                    is_first = False
                yield item
        except Stopped:
            return
        note = _UNCONDITIONAL.format(shortened(self._bucket.url))
        if not self._bucket.has_conditions and note not in run.report.notes:
            run.report.notes.append(note)

    def left_over(self) -> dict[str, int]:
        """Return nothing: a listing does not tell whose a thumbnail is."""
        return {}

    def finish(self, jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        """Put the thumbnails of some jobs, and return the jobs' outcomes."""
        return put_thumbnails(self._bucket, jobs, answers, self._layout.headers)

    def _expected(self, found: Iterable[Source | Outcome]) -> Iterator[Source | Outcome]:
        """Yield the same, once the pages that tell of the thumbnails are requested."""
        if self._live:
            yield from found
            return
        found = iter(found)
        while group := _next_group(found):
            sources = [one for one in group if isinstance(one, Source)]
            for state in self._states:
                state.expect(sources)
            yield from group

    def _mark_folders(self, job: Job) -> None:
        """Mark the folders of a job's thumbnails.

        Raises:
            OutputError: one can't be marked.
        """
        marks = [
            (one.folder.anchor, one.listed.mark)
            for one in job.wanted
            if one.listed and one.listed.mark
        ]
        bucket = self._bucket
        answers = bucket.run_concurrently([partial(ensure_mark, bucket, mark) for _, mark in marks])
        for (url, _), answer in zip(marks, answers, strict=True):
            if isinstance(answer, OSError):
                raise OutputError(f"{shortened(url)}: {answer.strerror}")
        bucket.run(partial(delete_outdated, bucket))

    def _slots(self, source: Source | Outcome) -> SourceSlots | Outcome | None:
        """Return the slots of a source; None for one of another shard, which claims its keys."""
        if isinstance(source, Outcome):
            return source
        if source.elsewhere:
            for state in self._states:
                state.claim_elsewhere(source)
            return None
        slots = []
        for state in self._states:
            slot = state.slot(source)
            if isinstance(slot, Failure):
                return refused(source, slot)
            slots.append(slot)
        return SourceSlots(source, slots)

    def _checked_by_etag(
        self, items: Iterator[SourceSlots | Outcome]
    ) -> Iterator[SourceSlots | Outcome]:
        """Yield the items, without outcomes of thumbnails that were made of other content."""
        bucket = self._bucket
        while batch := list(islice(items, self._heads_at_once)):
            slots = [slot for item in batch if isinstance(item, SourceSlots) for slot in item.slots]
            keys = [split_url(path)[1] for path in map(_current_path, slots) if path]
            answers = bucket.run_concurrently([partial(bucket.head, key) for key in keys])
            versions = {
                f"{bucket.url}/{key}": made_from(answer[1])
                for key, answer in zip(keys, answers, strict=True)
                if not isinstance(answer, OSError)
            }
            for item in batch:
                yield item if isinstance(item, Outcome) else _of_same_version(item, versions)


def _next_group(found: Iterator[Source | Outcome]) -> list[Source | Outcome]:
    """Return the next sources whose thumbnails are expected together; fewer if they come slowly."""
    group = list[Source | Outcome]()
    begin = time.monotonic()
    for item in found:
        group.append(item)
        if len(group) == _SOURCES_AHEAD or time.monotonic() > begin + _AHEAD_SECONDS:
            break
    return group


def _of_same_version(found: SourceSlots, versions: Mapping[str, str]) -> SourceSlots:
    """Return a source's slots, without outcomes of thumbnails that were made of other versions."""
    expected = source_version(found.source)
    return SourceSlots(
        found.source,
        [
            slot._replace(earlier="the picture has changed since")
            if (path := _current_path(slot)) and versions.get(path) != expected
            else slot
            for slot in found.slots
        ],
    )


def _current_path(slot: Slot) -> str:
    """Return the path of the thumbnail that there is in a slot; "" if it is not current."""
    if isinstance(slot.earlier, str) or not slot.earlier.thumbnails:
        return ""
    return slot.earlier.thumbnails[0].path
