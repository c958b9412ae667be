"""Gallery pages that follow a watch: rewritten once nothing has changed for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from thumbnailer.config.settings import Settings
from thumbnailer.errors import OutputError, SourceError, WorkerError
from thumbnailer.gallery.write import page_locations, write_pages
from thumbnailer.model import Stop

# How long nothing must have changed before pages are written, and the pause from the end of one
# write to the next: pages of 50,000 pictures take four seconds to write.
_QUIET_SECONDS, _PAUSE_SECONDS = 2.0, 5.0

# The pause after a failed write.
_RETRY_SECONDS = 60.0


class LiveGallery:
    """The pages of a watch, written by a background thread so that pictures need not wait.

    Args:
        sources, settings: as for `write_gallery`.
        stop: ends a write; the page stays as it was.

    Attributes:
        device: that of the file system of the output tree, if the page is to be written nowhere
            else.

    Raises:
        ThumbnailError: as `write_gallery` does; raised before anything is written.
    """

    def __init__(self, sources: Iterable[str], settings: Settings, stop: Stop) -> None:
        self._sources, self._settings, self._stop = list(sources), settings, stop
        page_locations(self._sources, settings, may_be_empty=True)
        self._changed_at: float | None = time.monotonic()
        self._next_write = 0.0
        self._thread: threading.Thread | None = None
        self._error = self._reported_error = ""
        self._closed = False
        self.device: int | None = None

    def is_set(self) -> bool:
        """Return whether a write has to end."""
        return self._closed or self._stop.is_set()

    def note_change(self) -> None:
        """Note that the pages are out of date."""
        self._changed_at = time.monotonic()

    def update_if_due(self, *, is_busy: bool) -> Iterator[tuple[str, str]]:
        """Start a write in the background if one is due; yield what went wrong with the last."""
        now = time.monotonic()
        if self._thread:
            if self._thread.is_alive():
                return
            self._thread = None
            self._next_write = now + _PAUSE_SECONDS
            if self._error:
                self._changed_at, self._next_write = now, now + _RETRY_SECONDS
                if self._error != self._reported_error:
                    yield "error", self._error
            self._reported_error = self._error
        is_quiet = self._changed_at is not None and now >= self._changed_at + _QUIET_SECONDS
        if is_quiet and not is_busy and now >= self._next_write and not self.is_set():
            self._changed_at, self._error = None, ""
            self._thread = threading.Thread(target=self._write, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop writing; drop pages that are unfinished."""
        self._closed = True
        if self._thread:
            self._thread.join()
        self._thread, self._closed = None, False

    def _write(self) -> None:
        try:
            locations = page_locations(self._sources, self._settings)
            if self._settings.output:
                (page,) = locations
                locations = [replace(page, folder=replace(page.folder, device=self.device))]
            for _ in write_pages(locations, self._settings, stop=self):
                pass
        except SourceError:
            self._error = ""  # a source is missing, or empty: its return counts as a change
        except (OutputError, WorkerError, OSError) as error:
            self._error = f"the gallery: {error}"
