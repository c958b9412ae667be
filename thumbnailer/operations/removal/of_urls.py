"""Find the thumbnails of some objects in buckets that are gone, without a survey of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from thumbnailer.config.settings import Settings
from thumbnailer.door.pictures import pictures_at
from thumbnailer.door.sources import Sources
from thumbnailer.door.thumbs import bucket_of_thumbnails, open_thumbs, remote_sources
from thumbnailer.model import Source, Stop
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots, Wanted
from thumbnailer.thumbs.orphans.orphan import BucketSurvey
from thumbnailer.thumbs.orphans.source_folder import SourcePlace
from thumbnailer.thumbs.orphans.survey import survey_folders
from thumbnailer.thumbs.plan import SourceSlots


def find_thumbnails_of(
    urls: Iterable[str], opened: Sources, settings: Settings, stop: Stop | None
) -> BucketSurvey:
    """Find the thumbnails of some objects that are really gone.

    Raises:
        OutputError: the bucket of the thumbnails can't be read.
    """
    urls = sorted(urls)
    findings = BucketSurvey()
    asked = findings.asked
    sources = [*_sources_at(urls, opened, settings)]
    thumbs = open_thumbs(settings, clean_up=False, stop=stop, live=True)
    wanted = [
        slot.wanted
        for item in thumbs.look(sources, quick=False)
        if isinstance(item, SourceSlots)
        for slot in item.slots
    ]
    if not wanted:
        return findings
    folders = dict.fromkeys(url.rpartition("/")[0] for url in urls)
    in_use = {folder for folder in folders if not pictures_at(folder, settings, stop).is_empty()}
    names, gone = {name for url in urls for name in url.split("/")}, set(urls)
    remote = remote_sources(opened.roots, asked, settings, stop, asks=True)

    def is_wanted(place: SourcePlace) -> bool:
        parts = place.root.rstrip("/"), place.inner, place.name
        return "/".join(filter(None, parts)) in gone

    finder = SourcesInRoots(opened.roots, wanted=Wanted(names, is_wanted), remote=remote)
    if bucket := bucket_of_thumbnails(settings, stop):
        surveys = bucket.survey_of(wanted, finder)
    else:
        surveys = survey_folders(finder, dict.fromkeys(one.folder for one in wanted), stop)
    for survey in surveys:
        findings.add(survey)
    for orphan in findings.orphans:
        if orphan.source.rpartition("/")[0] in in_use:
            asked.folders.add(orphan.folder.path)
    return findings


def _sources_at(urls: Iterable[str], opened: Sources, settings: Settings) -> Iterator[Source]:
    """Yield what the sources were, as far as the names of their thumbnails depend on it."""
    roots = {root: pictures_at(root, settings) for root in opened.folders}
    for url in urls:
        for root, pictures in roots.items():
            if inner := pictures.inner(url):
                below = filter(None, (opened.folders[root], inner.rpartition("/")[0]))
                yield Source(url, 1, 0, "/".join(below), "gone")
                break
