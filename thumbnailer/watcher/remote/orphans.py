"""The thumbnails of pictures that are gone, in a watch where something is in a bucket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from thumbnailer.config.settings import Settings
from thumbnailer.door.sources import Sources
from thumbnailer.errors import PruneRefused, ThumbnailError
from thumbnailer.model import Outcome, Source, Stop
from thumbnailer.operations.removal.of_urls import find_thumbnails_of
from thumbnailer.operations.removal.prune import find_orphaned, remove_found, remove_from
from thumbnailer.thumbs.folders import Removal

Tell = Callable[[str, str], None]


class Orphans:
    """Removes thumbnails; with `--keep-orphans` there is none.

    Args:
        opened: the SOURCEs.
        put: called with an outcome for each that was removed, or can't be.
        tell: called with the name of an event and a message.
        stop: once it is set, nothing more is removed.
    """

    def __init__(
        self,
        opened: Sources,
        settings: Settings,
        put: Callable[[Outcome], None],
        tell: Tell,
        stop: Stop,
    ) -> None:
        self._opened, self._settings, self._stop = opened, settings, stop
        self._put, self._tell, self._told = put, tell, ""
        self._thread: threading.Thread | None = None

    def remove_of(self, urls: Sequence[str]) -> None:
        """Remove the thumbnails of some objects, if these are really gone."""
        try:
            findings = find_thumbnails_of(urls, self._opened, self._settings, self._stop)
            self._show(findings.unknown)
            self._show(remove_from(findings.orphans, findings, self._settings, self._stop))
        except (ThumbnailError, OSError) as error:
            self._tell("error", f"{error}: thumbnails stay until the next look at all of them")

    def look_for_all(self) -> None:
        """Begin to remove all thumbnails whose pictures are gone, unless that is going on."""
        if not (self._thread and self._thread.is_alive()):
            self._thread = threading.Thread(
                target=self._remove_all, name="thumbnailer-orphans", daemon=True
            )
            self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until nothing is being removed, or for so long."""
        if self._thread:
            self._thread.join(seconds)

    def _remove_all(self) -> None:
        try:
            findings = find_orphaned(self._opened.roots, self._settings, stop=self._stop)
            self._show(remove_found(findings, self._settings, stop=self._stop))
        except PruneRefused as error:
            self._tell_once("orphans", f"{error}")
        except (ThumbnailError, OSError) as error:
            if not self._stop.is_set():
                self._tell_once("error", f"{error}")
        else:
            self._told = ""

    def _show(self, removals: Iterable[Removal]) -> None:
        for one in removals:
            source = Source(one.source or one.thumbnail, 0, 0)
            if one.status == "removed":
                self._put(Outcome(source, "removed"))
            elif one.error and one.status == "failed":
                self._put(Outcome(source, "failed", error=one.error))
            elif one.error:
                self._tell_once("orphans", f"{one.thumbnail or one.source}: {one.error.reason}")

    def _tell_once(self, event: str, words: str) -> None:
        if words != self._told:
            self._tell(event, words)
        self._told = words
