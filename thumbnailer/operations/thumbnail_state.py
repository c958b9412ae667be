"""Find the state of each thumbnail of a picture, for operations that make nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from thumbnailer.config.settings import Settings
from thumbnailer.door.places import is_remote
from thumbnailer.door.sources import Sources
from thumbnailer.door.thumbs import bucket_of_thumbnails, open_thumbs, remote_sources
from thumbnailer.model import Outcome, Source, Stop, Thumbnail, WantedThumbnail
from thumbnailer.recipe import Limits
from thumbnailer.scan.folders import thumbnail_folders
from thumbnailer.thumbs.folder_state import NOT_MADE
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots
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
    asked: AskedFor | None = None,
    *,
    quick: bool = False,
    stop: Stop | None = None,
) -> Iterator[ThumbnailState | Outcome]:
    """Yield the state of each thumbnail; for a source that can have none, yield an outcome.

    Args:
        found: what the scan yields.
        asked: notes what there should be; None if nobody asks that.
        quick: also yield an outcome, instead of states, for a source of which nothing has changed;
            that is three times as fast.
        stop: once it is set, a bucket's answer is not waited for, and what is yielded is not true.
    """
    limits = settings.limits
    thumbs = open_thumbs(settings, clean_up=False, stop=stop)
    looked = asked.noted(found, thumbs, quick=quick) if asked else thumbs.look(found, quick=quick)
    for item in looked:
        if isinstance(item, Outcome):
            yield item
            continue
        outcomes = (slot.earlier for slot in item.slots if isinstance(slot.earlier, Outcome))
        if skipped := next((one for one in outcomes if one.status == "skipped"), None):
            yield skipped  # once, whatever the number of sizes
            continue
        for slot in item.slots:
            yield thumbnail_state(item.source, slot, limits)


def asked_for(opened: Sources, settings: Settings) -> AskedFor | None:
    """Return what is to note the thumbnails that there should be; None if all is on disk.

    There, ledgers tell of which picture each thumbnail is.
    """
    return AskedFor() if opened.is_remote or is_remote(settings.output) else None


def survey_thumbnails(
    opened: Sources, settings: Settings, asked: AskedFor | None, stop: Stop | None = None
) -> Iterator[OrphanSurvey]:
    """Yield surveys of the thumbnail folders: their thumbnails of the sources, and their orphans.

    In a bucket they cost listings only, and what was not found there counts as gone. The desktop's
    cache yields none: its thumbnails can't be searched by source.

    Args:
        asked: has noted what `thumbnail_states` has found of all sources.
    """
    if settings.is_for_desktop:
        return iter(())
    if asked and any(root in asked.failed for root in opened.roots):
        return iter(())  # it can't be listed: what is not found may be there all the same
    bucket = bucket_of_thumbnails(settings, stop)
    if bucket and asked:
        places = dict.fromkeys(map(os.path.dirname, opened.files), "") | opened.folders
        templated = bool(settings.name)
        return bucket.survey_by_name(asked, places, settings.recipes, templated=templated)
    output = os.fspath(settings.output)
    folders = thumbnail_folders(opened.roots, output, settings.choice, stop=stop)
    remote = remote_sources(opened.roots, asked, settings, stop) if asked else None
    return survey_folders(SourcesInRoots(opened.roots, remote=remote), folders, stop)


def thumbnail_state(source: Source, slot: Slot, limits: Limits) -> ThumbnailState:
    """Return the state of a source's thumbnail."""
    wanted, earlier = slot.wanted, slot.earlier
    path = wanted.folder.path_of(wanted.name)
    if isinstance(earlier, Outcome) and not is_from_damaged_source(earlier, limits):
        if earlier.error:
            return ThumbnailState(source, wanted, path, earlier.error.status, earlier.error.reason)
        made = earlier.thumbnails[0]
        return ThumbnailState(source, wanted, made.path, "current", earlier.note, made)
    reason = "was made of a damaged picture" if isinstance(earlier, Outcome) else earlier
    listed = wanted.listed
    for at, name in enumerate(filter(None, (wanted.name, wanted.png_name))):
        existing = wanted.folder.path_of(name)
        if listed.etags[at] if listed else os.path.lexists(existing):
            if reason == NOT_MADE:
                reason = "is of unknown origin"
            return ThumbnailState(source, wanted, existing, "stale", reason)
    return ThumbnailState(source, wanted, path, "missing", reason)
