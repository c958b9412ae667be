"""How each thumbnail of a picture stands, for the uses that look and make nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from thumbnailer.config.settings import Settings
from thumbnailer.model import Failure, Outcome, Source, Status, Thumbnail, WantedThumbnail
from thumbnailer.recipe import Limits
from thumbnailer.thumbs.folder_state import NOT_MADE
from thumbnailer.thumbs.plan import Planner, SizePlan, was_made_from_less

State = Literal["current", "stale", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class ThumbnailState:
    """How one thumbnail stands.

    Attributes:
        source: its picture.
        path: where it is, or would be.
        reason: why it is not current; of one that is current what is missing of its source.
        made: what was entered of it, if it is current.
    """

    source: Source
    wanted: WantedThumbnail
    path: str
    state: State
    reason: str = ""
    made: Thumbnail | None = None


def thumbnail_states(
    found: Iterable[Source | Outcome], settings: Settings, *, quick: bool = False
) -> Iterator[ThumbnailState | Outcome]:
    """How each thumbnail stands of what the scan found; an outcome for what can have none.

    Args:
        quick: thumbnails that are as they were left are told of as outcomes too, of each its
            source's; that is three times as fast.
    """
    planner, limits = planner_for(settings), settings.limits
    for source in found:
        if isinstance(source, Outcome):
            yield source
            continue
        size_plans, name = planner.size_plans(source)
        for size_plan in size_plans:
            if quick and (untouched := size_plan.untouched(source, name)):
                yield untouched
                continue
            standing = thumbnail_state(size_plan, source, name, limits)
            if isinstance(standing, Failure):
                status: Status = "skipped" if standing.stage == "scan" else "failed"
                yield Outcome(source, status, error=standing)
                break
            yield standing


def planner_for(settings: Settings) -> Planner:
    """A planner that touches nothing."""
    return Planner(
        settings.recipes,
        settings.limits,
        output=os.fspath(settings.output) or None,
        template=settings.name,
        desktop=settings.is_for_desktop,
        tidy=False,
    )


def thumbnail_state(
    size_plan: SizePlan, source: Source, name: str, limits: Limits
) -> ThumbnailState | Failure:
    """How a source's thumbnail in a place stands, or why it can have none."""
    wanted = size_plan.wanted(source, name)
    if isinstance(wanted, Failure):
        return wanted
    path = os.path.join(wanted.folder.path, wanted.name)
    standing = size_plan.state_of(source, wanted)
    if isinstance(standing, Outcome) and not was_made_from_less(standing, limits):
        if standing.error:
            return ThumbnailState(source, wanted, path, "failed", standing.error.reason)
        made = standing.thumbnails[0]
        return ThumbnailState(source, wanted, made.path, "current", standing.note, made)
    reason = "was made of a damaged picture" if isinstance(standing, Outcome) else standing
    for there in _paths(wanted):
        if os.path.lexists(there):
            if reason == NOT_MADE:
                reason = "is of unknown origin"
            return ThumbnailState(source, wanted, there, "stale", reason)
    return ThumbnailState(source, wanted, path, "missing", reason)


def _paths(wanted: WantedThumbnail) -> Iterator[str]:
    for name in filter(None, (wanted.name, wanted.png_name)):
        yield os.path.join(wanted.folder.path, name)
