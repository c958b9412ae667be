"""The terminal: lines that people read, their colours, and the progress bar below them."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from thumbnailer.activity import Activity
    from thumbnailer.cli.output.progress_bar import ProgressBar

# How often a bar is drawn; one that nothing has changed on, each second.
_DRAW_SECONDS, _REDRAW_EVERY = 0.1, 10

# How long to wait for the total at the end: it is not there yet only if the work was short.
_COUNT_SECONDS = 0.5

# The bar that is drawn now. Whoever writes on the terminal holds the lock.
_bar: ProgressBar | None = None
_lock = threading.RLock()


# The colour of a line's first word, by that word; in SGR codes (ECMA-48, 8.3.117).
_RED, _GREEN, _YELLOW, _PLAIN = 31, 32, 33, 39
_COLOURS = {
    **dict.fromkeys(("failed", "wrong", "error", "thumbnailer"), _RED),
    **dict.fromkeys(("made", "fixed"), _GREEN),
    **dict.fromkeys(("skipped", "stale", "missing", "kept", "note"), _YELLOW),
}


def labelled(label: str, text: str, stream: TextIO, *, kind: str = "") -> str:
    """Return `label: text` for a stream, coloured by the label, or else by the kind."""
    return f"{coloured(f'{label}:', kind or label, stream)} {text}"


def coloured(text: str, kind: str, stream: TextIO) -> str:
    """Return a text in the colour of a kind of line, if the stream is a terminal that shows it.

    Args:
        kind: such as `failed` or `note`.
    """
    code = _COLOURS.get(kind)
    return f"\x1b[{code}m{text}\x1b[{_PLAIN}m" if code and _shows_colours(stream) else text


def _shows_colours(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR") or not stream.isatty():
        return False
    if os.name == "nt":
        return _console_takes_codes(stream.fileno())
    return os.environ.get("TERM", "dumb") != "dumb"


@cache
def _console_takes_codes(number: int) -> bool:
    """Return whether a console of Windows takes codes for colours, and have it take them."""
    takes_codes = False
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        processes_codes = 0x4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING, from Windows 10 on
        kernel32, mode = ctypes.WinDLL("kernel32"), ctypes.c_uint32()
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(number))
        if kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
            takes_codes = bool(kernel32.SetConsoleMode(handle, mode.value | processes_codes))
    return takes_codes


def print_line(line: str, stream: TextIO) -> None:
    """Print a line above the bar, if there is one."""
    with _lock:
        if _bar is not None:
            _bar.clear()
        print(line, file=stream, flush=True)
        if _bar is not None:
            _bar.refresh()


def can_draw_bar() -> bool:
    """Return whether a bar can be drawn on stderr, and nobody else draws there.

    Where stdout is a pipe, its reader may be a pager, which has the screen for itself.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return False
    with suppress(OSError, ValueError):  # a stream without a descriptor is no pipe
        mode = os.fstat(sys.stdout.fileno()).st_mode
        return not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))
    return True


@contextmanager
def progress_bar(
    activity: Activity,
    *,
    wanted: bool = True,
    count: Callable[[], int] | None = None,
    unit: str = "pictures",
    after_seconds: float = 0.3,
) -> Iterator[None]:
    """Draw a bar on stderr while the block lasts, if it can be drawn; nothing of it is left.

    Args:
        activity: what the bar shows; the block keeps it up to date.
        wanted: whether a bar is wanted at all.
        count: returns the total, 0 if nobody knows it; a thread calls it.
        unit: what is counted.
        after_seconds: draw it only then. What is over sooner needs no bar, nor tqdm, which takes
            40 ms to import.
    """
    if not (wanted and can_draw_bar()):
        yield
        return
    from thumbnailer.engine.processes.start import before_threads

    before_threads()
    over, started = threading.Event(), time.monotonic()

    def count_all() -> None:
        if count:
            activity.total = count()

    counting = threading.Thread(target=count_all, daemon=True)

    def draw() -> None:
        if not over.wait(after_seconds):
            counting.start()
            _draw(activity, unit, over, started)

    drawing = threading.Thread(target=draw, daemon=True)
    drawing.start()
    try:
        yield
    finally:
        over.set()
        drawing.join()
        if counting.ident:
            counting.join(_COUNT_SECONDS)


def _draw(activity: Activity, unit: str, over: threading.Event, started: float) -> None:
    """Draw a bar until `over` is set, and take it away."""
    global _bar
    from thumbnailer.cli.output.progress_bar import ProgressBar

    with suppress(OSError):  # the terminal is gone: what is printed next will tell
        with _lock:
            bar = _bar = ProgressBar(sys.stderr, activity, unit, started)
        try:
            ticks = 0
            while not over.wait(_DRAW_SECONDS):
                ticks += 1
                if bar.n != activity.done or ticks % _REDRAW_EVERY == 0:
                    with _lock:
                        bar.refresh()
        finally:
            with _lock:
                bar.refresh()  # what a short run comes to is seen, too
                _bar = None
                bar.close()
