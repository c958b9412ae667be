"""Find the state of each thumbnail of a picture, for operations that make nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from thumbnailer.config.settings import Settings
from thumbnailer.door import open_thumbs
from thumbnailer.model import Outcome, Source, Stop, Thumbnail, WantedThumbnail
from thumbnailer.recipe import Limits
from thumbnailer.scan.folders import thumbnail_folders
from thumbnailer.thumbs.folder_state import NOT_MADE
from thumbnailer.thumbs.orphans.orphan import OrphanSurvey
from thumbnailer.thumbs.orphans.survey import survey_folders
from thumbnailer.thumbs.plan import Slot, is_from_damaged_source

State = Literal["current", "stale", "missing", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class ThumbnailState:
    """The state of one thumbnail.

    Attributes:
        source: its picture.
        path: where it is, or would be.
        reason: why it is not current; if it is current, what is missing of its picture.
        made: the thumbnail as it was recorded when it was made, if it is current.
    """

    source: Source
    wanted: WantedThumbnail
    path: str
    state: State
    reason: str = ""
    made: Thumbnail | None = None


def thumbnail_states(
    found: Iterable[Source | Outcome],
    settings: Settings,
    *,
    quick: bool = False,
    stop: Stop | None = None,
) -> Iterator[ThumbnailState | Outcome]:
    """Yield the state of each thumbnail; for a source that can have none, yield an outcome.

    Args:
        found: what the scan yields.
        quick: also yield an outcome, instead of states, for a source of which nothing has changed;
            that is three times as fast.
        stop: once it is set, a bucket's answer is not waited for, and what is yielded is not true.
    """
    limits = settings.limits
    for item in open_thumbs(settings, clean_up=False, stop=stop).look(found, quick=quick):
        if isinstance(item, Outcome):
            yield item
            continue
        outcomes = (slot.earlier for slot in item.slots if isinstance(slot.earlier, Outcome))
        if skipped := next((one for one in outcomes if one.status == "skipped"), None):
            yield skipped  # once, whatever the number of sizes
            continue
        for slot in item.slots:
            yield thumbnail_state(item.source, slot, limits)


def survey_thumbnails(
    roots: Iterable[str], settings: Settings, stop: Stop | None = None
) -> Iterator[OrphanSurvey]:
    """Yield a survey of each thumbnail folder: its thumbnails of the sources, and its orphans.

    The desktop's cache yields none: its thumbnails can't be searched by source.
    """
    if settings.is_for_desktop:
        return iter(())
    roots, output = list(roots), os.fspath(settings.output)
    folders = thumbnail_folders(roots, output, settings.choice, stop=stop)
    return survey_folders(roots, folders, stop)


def thumbnail_state(source: Source, slot: Slot, limits: Limits) -> ThumbnailState:
    """Return the state of a source's thumbnail."""
    wanted, earlier = slot.wanted, slot.earlier
    path = os.path.join(wanted.folder.path, wanted.name)
    if isinstance(earlier, Outcome) and not is_from_damaged_source(earlier, limits):
        if earlier.error:
            return ThumbnailState(source, wanted, path, earlier.error.status, earlier.error.reason)
        made = earlier.thumbnails[0]
        return ThumbnailState(source, wanted, made.path, "current", earlier.note, made)
    reason = "was made of a damaged picture" if isinstance(earlier, Outcome) else earlier
    listed = wanted.listed
    for at, name in enumerate(filter(None, (wanted.name, wanted.png_name))):
        existing = os.path.join(wanted.folder.path, name)
        if listed.etags[at] if listed else os.path.lexists(existing):
            if reason == NOT_MADE:
                reason = "is of unknown origin"
            return ThumbnailState(source, wanted, existing, "stale", reason)
    return ThumbnailState(source, wanted, path, "missing", reason)
