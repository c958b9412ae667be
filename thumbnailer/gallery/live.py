"""Pages that follow a watch: written anew once what has changed has gone quiet."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator

from thumbnailer.config.settings import Settings
from thumbnailer.errors import OutputError, SourceError, WorkerError
from thumbnailer.gallery.write import page_locations, write_pages
from thumbnailer.model import Stop

# How long nothing must have changed, and how long after the end of one writing the next may begin:
# of 50,000 pictures one takes four seconds.
_QUIET_SECONDS, _PAUSE_SECONDS = 2.0, 5.0

# After one that went wrong.
_AGAIN_SECONDS = 60.0


class LiveGallery:
    """The pages of a watch, written by a thread of their own: pictures need not wait for them.

    Args:
        sources, settings: as for `write_gallery`.
        stop: ends a writing; the page stays as it was.

    Raises:
        ThumbnailError: as `write_gallery` does, before anything is written.
    """

    def __init__(self, sources: Iterable[str], settings: Settings, stop: Stop) -> None:
        self._sources, self._settings, self._stop = list(sources), settings, stop
        page_locations(self._sources, settings)
        self._changed_at: float | None = time.monotonic()
        self._next = 0.0
        self._thread: threading.Thread | None = None
        self._trouble = self._told = ""
        self._closed = False

    def is_set(self) -> bool:
        return self._closed or self._stop.is_set()

    def note_change(self) -> None:
        """Something is no longer as the page has it."""
        self._changed_at = time.monotonic()

    def update_if_due(self, *, is_busy: bool) -> Iterator[tuple[str, str]]:
        """Begin to write if it is time to, and say what went wrong with that."""
        now = time.monotonic()
        if self._thread:
            if self._thread.is_alive():
                return
            self._thread = None
            self._next = now + _PAUSE_SECONDS
            if self._trouble:
                self._changed_at, self._next = now, now + _AGAIN_SECONDS
                if self._trouble != self._told:
                    yield "error", self._trouble
            self._told = self._trouble
        quiet = self._changed_at is not None and now >= self._changed_at + _QUIET_SECONDS
        if quiet and not is_busy and now >= self._next and not self.is_set():
            self._changed_at, self._trouble = None, ""
            self._thread = threading.Thread(target=self._write, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write no more; what is being written is dropped."""
        self._closed = True
        if self._thread:
            self._thread.join()
        self._thread, self._closed = None, False

    def _write(self) -> None:
        try:
            for _ in write_pages(
                page_locations(self._sources, self._settings), self._settings, stop=self
            ):
                pass
        except SourceError:
            self._trouble = ""  # it is waited for, and whatever comes back is a change
        except (OutputError, WorkerError, OSError) as error:
            self._trouble = f"the gallery: {error}"
