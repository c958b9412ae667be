"""Find the thumbnails to remove where they or their pictures are in a bucket: by a whole scan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from thumbnailer.config.settings import Settings
from thumbnailer.door.places import is_remote
from thumbnailer.door.sources import Sources
from thumbnailer.door.thumbs import bucket_of_thumbnails, open_thumbs, remote_sources
from thumbnailer.errors import SourceError
from thumbnailer.model import Folder, Outcome, Stop
from thumbnailer.scan.folders import thumbnail_folders
from thumbnailer.scan.selection import Choice
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots
from thumbnailer.thumbs.orphans.orphan import BucketSurvey, OrphanSurvey, PresentThumbnail
from thumbnailer.thumbs.orphans.survey import survey_folders


def find_with_buckets(
    opened: Sources, settings: Settings, stop: Stop | None, *, stale: bool
) -> BucketSurvey:
    """Find the thumbnails whose pictures are gone, and stale ones; change nothing.

    Args:
        opened: the SOURCEs, all of them folders.

    Raises:
        SourceError: a SOURCE can't be listed to its end.
        OutputError: the thumbnails can't be listed.
    """
    asked = _asked_for(opened, settings, stop)
    findings = BucketSurvey(asked=asked)
    for survey in _surveys(opened.roots, settings, asked, stop, stale=stale):
        findings.add(survey)
    if not stale:
        findings.stale = []
    return findings


def _asked_for(opened: Sources, settings: Settings, stop: Stop | None) -> AskedFor:
    """Return what there should be of all pictures, whatever the shard."""
    asked = AskedFor()
    found = opened.scan(settings, replace(settings.choice, shard=None), stop)
    thumbs = open_thumbs(settings, clean_up=False, stop=stop)
    for item in asked.noted(found, thumbs, quick=True):
        if isinstance(item, Outcome) and item.error and item.source.path in opened.folders:
            raise SourceError(None, item.error.reason, item.source.path)
    return asked


def _surveys(
    roots: list[str], settings: Settings, asked: AskedFor, stop: Stop | None, *, stale: bool
) -> Iterator[OrphanSurvey]:
    def find_stale(present: list[PresentThumbnail]) -> list[PresentThumbnail]:
        return [
            one
            for one in present
            if one.path not in asked.thumbnails and _as_found(one) not in asked.failed
        ]

    sources = SourcesInRoots(roots, remote=remote_sources(roots, asked, settings, stop, asks=True))
    output, named = os.fspath(settings.output), Choice(include=settings.include)
    on_disk = [root for root in roots if not is_remote(root)]
    folders: Iterable[Folder | Removal] = ()
    if stale:
        folders = thumbnail_folders(on_disk, "", named, hidden=True, stop=stop)
    if bucket := bucket_of_thumbnails(settings, stop):
        yield from bucket.survey(asked, sources)
    else:
        folders = chain(thumbnail_folders(roots, output, named, stop=stop), folders)
    yield from survey_folders(sources, folders, stop, find_stale=find_stale if stale else None)


def _as_found(one: PresentThumbnail) -> str:
    """Return the path or URL of a picture as the scan spells it."""
    return one.source if is_remote(one.source) else os.path.join(one.place.root, one.place.path)
