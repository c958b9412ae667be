"""The progress bar on a terminal: the only user of tqdm."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from tqdm import tqdm
from tqdm.utils import disp_len, disp_trim

from thumbnailer.activity import Activity, Waiting
from thumbnailer.cli.output.text import counted, format_bytes, format_number, printable

# Window for the speeds. A run passes current thumbnails so fast that its mean speed would mislead.
_RECENT_SECONDS = 10.0

# How long nothing may move before the bar says what the run waits for.
_PATIENCE_SECONDS = 5.0

# Columns that the text leaves free, at least, for the bar with its percentage and frame.
_BAR_COLUMNS = 22

if TYPE_CHECKING:
    _Tqdm = tqdm[NoReturn]
else:
    _Tqdm = tqdm  # generic for type checkers only


class ProgressBar(_Tqdm):
    """Progress bar of a run, with counts, speed and folder as far as the terminal has room.

    Args:
        stream: the terminal to draw on.
        activity: what it shows, read for each drawing.
        unit: what is counted.
        started: when counting began, by the monotonic clock.
    """

    monitor_interval = 0  # tqdm's own thread, which would draw once more after ten seconds

    def __init__(self, stream: TextIO, activity: Activity, unit: str, started: float) -> None:
        self._activity, self._unit, self._encoding = activity, unit, stream.encoding
        self._moved = time.monotonic()
        self._recent = deque([(started, 0, 0)])
        columns = os.get_terminal_size(stream.fileno()).columns
        super().__init__(
            file=stream,
            leave=False,
            dynamic_ncols=columns > 0,
            ncols=None if columns else 80,  # some terminals report no size
            nrows=None if columns else 24,
        )

    @property
    def format_dict(self) -> MutableMapping[str, Any]:
        """The values that tqdm draws the bar from, read for each drawing."""
        if self.n != self._activity.done:
            self._moved = time.monotonic()
        self.n, self.total = self._activity.done, self._activity.total or None
        fields = super().format_dict
        columns = fields["ncols"] or 80
        seconds = time.monotonic() - self._moved
        if seconds >= _PATIENCE_SECONDS:  # which takes all the room
            return {**fields, "bar_format": "{words}", "words": self._waiting(seconds, columns - 1)}
        words = self._words(columns - _BAR_COLUMNS)
        layout = "{percentage:3.0f}%|{bar}| {words}" if self.total else "{words}"
        return {**fields, "bar_format": layout, "words": words}

    @property
    def _count(self) -> str:
        return f"{self.n}/{self.total}" if self.total else f"{self.n}"

    def _waiting(self, seconds: float, columns: int) -> str:
        """Return what the run has been waiting for, as far as there is room."""
        before, path, after = waiting_words(self._activity.waits_for(), seconds)
        before = f"{self._count}, {before}"
        path = self._end_of(path, columns - len(before) - len(after))
        return disp_trim(f"{before}{path}{after}", columns)

    def _words(self, columns: int) -> str:
        """Return the text beside the bar: the most important parts that fit, then the folder."""
        speed, bytes_speed = self._speeds()
        words = self._count
        parts = [f"{failed} failed"] if (failed := self._activity.failed) else []
        parts += [f"{format_number(speed)} {self._unit}/s"] if speed else []
        if speed and self.total and self.total > self.n:
            parts.append(f"{self.format_interval((self.total - self.n) / speed)} left")
        parts += [f"{format_bytes(bytes_speed)}/s"] if bytes_speed else []
        for part in parts:
            if len(words) + len(part) + 2 <= columns:
                words += f", {part}"
        folder = self._end_of(os.path.dirname(self._activity.path), columns - len(words) - 2)
        return f"{words}, {folder}" if folder else words

    def _end_of(self, path: str, room: int) -> str:
        """Return a path, or as much of it as there is room for; its end tells more than its start.

        "" if it would not tell anything.
        """
        path = printable(path).encode(self._encoding, "backslashreplace").decode(self._encoding)
        if disp_len(path) <= room:
            return path
        return "..." + disp_trim(path[::-1], room - 3)[::-1] if room >= 8 else ""

    def _speeds(self) -> tuple[float, float]:
        """Return the recent speeds in pictures/s and bytes/s."""
        now = time.monotonic()
        if now - self._recent[-1][0] >= 0.1 or len(self._recent) == 1:
            self._recent.append((now, int(self.n), self._activity.size_bytes))
        while len(self._recent) > 2 and now - self._recent[1][0] > _RECENT_SECONDS:
            self._recent.popleft()
        then, pictures, size = self._recent[0]
        seconds = now - then
        if seconds < 0.1:
            return 0, 0
        return (self.n - pictures) / seconds, (self._activity.size_bytes - size) / seconds


def waiting_words(waiting: Waiting | None, seconds: float) -> tuple[str, str, str]:
    """Return in words what a run waits for: what stands before a path, the path, what after it.

    Args:
        seconds: for how long nothing has moved.
    """
    if not waiting:
        return f"nothing has moved for {seconds:.0f} s", "", ""
    name, took = os.path.basename(waiting.path), f"{waiting.seconds:.0f} s"
    size = f"{format_bytes(waiting.size_bytes)}, {took}"
    if waiting.what == "folder":
        return "waiting for the disk: nothing read from ", waiting.path, f" for {seconds:.0f} s"
    if waiting.what == "cluster":
        return f"waiting for the cluster ({seconds:.0f} s)", "", ""
    if waiting.what == "paths":
        return f"waiting for more paths ({seconds:.0f} s)", "", ""
    if waiting.what == "download":
        return "waiting for the network: ", name, f" ({size})"
    if waiting.what == "write":
        return "waiting to write thumbnails of ", name, f" ({took})"
    if waiting.held_back:
        who = counted(waiting.held_back, "picture")
        return f"waiting for memory: {who} until ", name, f" is ready ({size})"
    return "waiting for ", name, f" ({size})"


# tqdm's own lock is one for several processes. Where these are not forked by default (macOS, and
# Linux from Python 3.14) it starts a process that looks after it.
ProgressBar.set_lock(threading.RLock())
