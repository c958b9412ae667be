"""Survey the thumbnails in a bucket: which have lost their picture, and which nothing asks for.

What is asked for is known from a scan, and what is there from a listing. Only what is there without
being asked for is looked at: its metadata say whether it is ours, and of which picture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from thumbnailer.buckets.client.requests import Stopped
from thumbnailer.buckets.origins import Origin, Origins, place_of
from thumbnailer.buckets.orphans.own_objects import OwnObject
from thumbnailer.buckets.orphans.thumbnail_tree import ThumbnailTree, only_objects
from thumbnailer.formats import format_by_ending
from thumbnailer.model import Failure
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.naming import is_size_label
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.orphans.in_roots import FoundSource, SourcesInRoots
from thumbnailer.thumbs.orphans.orphan import (
    Orphan,
    OrphanSurvey,
    OwnThumbnail,
    PresentThumbnail,
)
from thumbnailer.thumbs.orphans.source_folder import SourcePlace
from thumbnailer.thumbs.orphans.survey import asked_together, fields_of, judge

# How many thumbnails are looked at together.
_BATCH = 256

_NOT_TOLD = "{} of its thumbnails don't say of which picture they are: an earlier version made them"


def survey_by_metadata(
    tree: ThumbnailTree,
    objects: Iterable[OwnObject],
    asked: AskedFor,
    origins: Origins,
    sources: SourcesInRoots,
) -> Iterator[OrphanSurvey]:
    """Yield surveys of some thumbnails each, with orphans and stale ones.

    Args:
        objects: what may be a thumbnail.
        asked: what there should be of all pictures in the roots.
        origins: reads of which picture a thumbnail is.
        sources: looks for the pictures in the roots.

    Raises:
        OSError: the tree can't be listed.
    """
    not_told = 0
    pending = iter(objects)
    with sources, suppress(Stopped):
        for batch in iter(lambda: [*islice(pending, _BATCH)], []):
            findings, others = _count_asked(tree, batch, asked)
            told, unknown = _with_sources(tree, others, origins, findings)
            not_told += unknown
            for own, found in asked_together(told, sources):
                is_there = judge(own, found, sources, findings)
                if is_there and own.source not in asked.failed:
                    findings.stale.append(PresentThumbnail(**fields_of(own)))
            yield findings
    if not_told:
        error = Failure("scan", _NOT_TOLD.format(f"{not_told:,}"))
        yield OrphanSurvey(unknown=[Removal("", tree.url, "kept", error)])


def survey_by_name(
    tree: ThumbnailTree,
    asked: AskedFor,
    places: Mapping[str, str],
    sizes: Collection[str],
    *,
    templated: bool,
) -> Iterator[OrphanSurvey]:
    """Yield surveys of some thumbnails each, which need no request but the listing.

    Whether a thumbnail's picture is gone is told by its name: those of other SOURCEs in the same
    tree seem to be orphans, too.

    Args:
        places: the roots, each with its folder in the tree.
        sizes: the names of the sizes.
        templated: thumbnails are named by a template, so that their names don't tell it.

    Raises:
        OSError: the tree can't be listed.
    """
    nowhere = SourcePlace("", "", "")
    with suppress(Stopped):
        # A manifest is none.
        objects = (one for one in only_objects(tree.own()) if format_by_ending(one.name))
        for batch in iter(lambda: [*islice(objects, _BATCH)], []):
            findings, others = _count_asked(tree, batch, asked)
            for one in others:
                size_bytes = one.entry.size_bytes
                findings.thumbnails[""] += 1
                findings.size_bytes += size_bytes
                folder = tree.folder(one.folder)
                if templated:
                    error = Failure("scan", "its name does not tell of which picture it is")
                    findings.unknown.append(Removal(folder.path_of(one.name), "", "kept", error))
                elif not _is_named_for(one.entry.key, asked, places, sizes):
                    findings.orphans.append(Orphan(folder, one.name, "", "", nowhere, size_bytes))
            yield findings


def _count_asked(
    tree: ThumbnailTree, objects: Sequence[OwnObject], asked: AskedFor
) -> tuple[OrphanSurvey, list[OwnObject]]:
    """Return a survey that counts what is asked for, and the others."""
    findings, others = OrphanSurvey(), list[OwnObject]()
    for one in objects:
        if f"{tree.url}/{one.entry.key}" in asked.thumbnails:
            findings.thumbnails[""] += 1
            findings.size_bytes += one.entry.size_bytes
        else:
            others.append(one)
    return findings, others


def _with_sources(
    tree: ThumbnailTree, objects: Sequence[OwnObject], origins: Origins, findings: OrphanSurvey
) -> tuple[list[tuple[OwnThumbnail, FoundSource]], int]:
    """Return those of the objects that are thumbnails of pictures in the roots, with these; and how
    many are ours, but do not tell of which picture."""
    told, unknown = list[tuple[OwnThumbnail, FoundSource]](), 0
    for one, answer in tree.look_at(objects, origins):
        if isinstance(answer, Failure):
            path = tree.folder(one.folder).path_of(one.name)
            findings.unknown.append(Removal(path, "", "kept", answer))
        elif answer and answer.source:
            told.append((answer, FoundSource(answer.place.root, answer.place, False)))
        else:
            unknown += answer is not None
    return told, unknown


def _is_named_for(
    key: str, asked: AskedFor, places: Mapping[str, str], sizes: Collection[str]
) -> bool:
    """Return whether a thumbnail, by its key, may be one of a picture that was found."""
    first, _, rest = key.partition("/")
    for path in (key, rest) if first in sizes or is_size_label(first) else (key,):
        for root, place in places.items():
            below = f"{place}/" if place else ""
            if path.startswith(below):
                inner = path[len(below) :]
                for name in (inner, inner.rpartition(".")[0]):
                    if place_of(Origin(root, name))[0] in asked.sources:
                        return True
    return False
