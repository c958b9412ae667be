"""Plan each source: a job if a thumbnail is to be made, an outcome if there is nothing to do.

What there is of a source's thumbnails is looked up elsewhere: in the ledgers of folders, or in the
listing of a bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from thumbnailer.imaging.failures import DAMAGED, TRUNCATED
from thumbnailer.model import Failure, Job, Outcome, Run, Source, Thumbnail, WantedThumbnail
from thumbnailer.recipe import Limits


class Slot(NamedTuple):
    """The place of one thumbnail of a source, and what there is.

    Attributes:
        wanted: the thumbnail that the source should have.
        earlier: an earlier run's outcome if it still applies, else in words why it does not.
        obstacle: why it can't be made: a file of the user's has its name.
    """

    wanted: WantedThumbnail
    earlier: Outcome | str
    obstacle: Failure | None = None

    @property
    def is_failed(self) -> bool:
        """Whether it has no thumbnail: an earlier run has failed, or a file is in the way."""
        earlier = self.earlier
        return bool(self.obstacle or (isinstance(earlier, Outcome) and earlier.status == "failed"))


class SourceSlots(NamedTuple):
    """A source with a slot for each thumbnail that it should have."""

    source: Source
    slots: list[Slot]


def plan(
    found: Iterable[SourceSlots | Outcome],
    limits: Limits,
    run: Run,
    keep: Callable[[Job], Outcome | None] | None = None,
) -> Iterator[Job | Outcome]:
    """Yield a job for each source that needs one, an outcome for each other; lazily, in order.

    Args:
        found: sources with what there is of their thumbnails; outcomes are passed on.
        limits: what a picture may cost, for the jobs.
        run: `force`, `retry_failed` and `dry_run` count.
        keep: gives a picture the thumbnails that it had before it was moved, if it had any.
    """

    def sufficient(earlier: Outcome | str) -> Outcome | None:
        if isinstance(earlier, str) or run.force or is_from_damaged_source(earlier, limits):
            return None
        return earlier if earlier.status == "current" or not run.retry_failed else None

    for item in found:
        if isinstance(item, Outcome):
            yield item
            continue
        source, slots = item
        known = [sufficient(slot.earlier) for slot in slots]
        if all(known):
            yield combined_outcome(source, [outcome for outcome in known if outcome])
        elif obstacle := next(filter(None, (slot.obstacle for slot in slots)), None):
            yield refused(source, obstacle)
        elif run.dry_run:
            yield Outcome(source, "skipped", error=Failure("dry run", "would be made"))
        else:
            thumbnails: list[WantedThumbnail | Thumbnail] = [
                outcome.thumbnails[0] if outcome and outcome.thumbnails else slot.wanted
                for slot, outcome in zip(slots, known, strict=True)
            ]
            others = tuple(
                slot.wanted.recipe
                for slot, one in zip(slots, thumbnails, strict=True)
                if isinstance(one, Thumbnail)
            )
            job = Job(source, tuple(thumbnails), limits, others=others)
            yield (keep(job) if keep else None) or job


def is_from_damaged_source(earlier: Outcome, limits: Limits) -> bool:
    """Return whether an outcome is of a damaged picture, which this run does not accept."""
    return earlier.note.startswith((TRUNCATED, DAMAGED)) and not limits.keep_truncated


def combined_outcome(source: Source, outcomes: list[Outcome]) -> Outcome:
    """Return one outcome for a source whose thumbnails are all current, or failed or skipped."""
    for one in outcomes:
        if one.error or len(outcomes) == 1:
            return one
    thumbnails = tuple(thumbnail for one in outcomes for thumbnail in one.thumbnails)
    return Outcome(source, "current", thumbnails, note=outcomes[0].note)


def refused(source: Source, failure: Failure) -> Outcome:
    """Return the outcome of a source that can have no thumbnail."""
    return Outcome(source, failure.status, error=failure)


_IN_THE_WAY = " is in the way: "


def in_the_way(path: str, why: str = "it was not made by thumbnailer") -> Failure:
    """Return the failure of a thumbnail whose name a file of the user's has."""
    return Failure("plan", f"{path}{_IN_THE_WAY}{why}", lasts=False)


def is_in_the_way(failure: Failure) -> bool:
    """Return whether a thumbnail was not made since a file of the user's has its name."""
    return failure.stage == "plan" and _IN_THE_WAY in failure.reason
