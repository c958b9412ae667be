"""All that is ours in the bucket of the output, for operations that count or remove it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.origins import Origins
from thumbnailer.buckets.orphans.clean import clean_bucket, own_in_bucket
from thumbnailer.buckets.orphans.own_objects import OwnObject
from thumbnailer.buckets.orphans.remove import prune_bucket
from thumbnailer.buckets.orphans.survey import survey_by_metadata, survey_by_name
from thumbnailer.buckets.orphans.thumbnail_tree import ThumbnailTree, only_objects
from thumbnailer.errors import OutputError, shortened
from thumbnailer.model import Stop, WantedThumbnail
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots
from thumbnailer.thumbs.orphans.orphan import OrphanSurvey, OwnThumbnail
from thumbnailer.thumbs.orphans.own_files import OwnFiles


class OwnInBucket:
    """What is ours below the URL of an output. All of its methods raise OutputError if that can't
    be listed.

    Args:
        url: of the output.
        endpoint: as in `Settings`.
        stop: once it is set, all ends.
    """

    def __init__(self, url: str, endpoint: str, stop: Stop | None) -> None:
        self._tree = ThumbnailTree(url, endpoint, stop)

    def survey(self, asked: AskedFor, sources: SourcesInRoots) -> Iterator[OrphanSurvey]:
        """Yield surveys with orphans and stale thumbnails; see `survey_by_metadata`."""
        return self._survey(only_objects(self._tree.own()), asked, sources)

    def survey_of(
        self, wanted: Iterable[WantedThumbnail], sources: SourcesInRoots
    ) -> Iterator[OrphanSurvey]:
        """Yield surveys of some thumbnails only, as far as they are there."""
        return self._survey(self._objects(wanted), AskedFor(), sources)

    def _survey(
        self, objects: Iterable[OwnObject], asked: AskedFor, sources: SourcesInRoots
    ) -> Iterator[OrphanSurvey]:
        with self._told():
            origins = Origins(sources.named)
            yield from survey_by_metadata(self._tree, objects, asked, origins, sources)

    def _objects(self, wanted: Iterable[WantedThumbnail]) -> Iterator[OwnObject]:
        for one in wanted:
            folder = one.folder.path.removeprefix(self._tree.url).strip("/")
            etags = one.listed.etags if one.listed else ()
            for name, etag in zip((one.name, one.png_name), etags, strict=False):
                if etag:
                    key = f"{folder}/{name}".lstrip("/")
                    yield OwnObject(folder, name, ListedObject(key, 0, 0, etag))

    def survey_by_name(
        self,
        asked: AskedFor,
        places: Mapping[str, str],
        sizes: Collection[str],
        *,
        templated: bool,
    ) -> Iterator[OrphanSurvey]:
        """Yield surveys with orphans, which cost listings only; see the function of this name."""
        with self._told():
            yield from survey_by_name(self._tree, asked, places, sizes, templated=templated)

    def prune(self, thumbnails: Iterable[OwnThumbnail], asked: AskedFor) -> Iterator[Removal]:
        """Remove thumbnails that are still due; see `prune_bucket`."""
        return prune_bucket(self._tree, thumbnails, asked)

    def files(self, roots: Iterable[str]) -> Iterator[OwnFiles | Removal]:
        """Yield what is ours in each folder; see `own_in_bucket`."""
        with self._told():
            yield from own_in_bucket(self._tree, Origins(roots))

    def clean(self, roots: Iterable[str]) -> Iterator[Removal]:
        """Remove all of it; see `clean_bucket`."""
        with self._told():
            yield from clean_bucket(self._tree, Origins(roots))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{shortened(self._tree.url)}: {error.strerror}") from None
