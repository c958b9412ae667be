"""Keep Pillow's warnings about a picture to ourselves, in one thread.

Pillow warns of EXIF data that make no sense, and the program may have made warnings errors. Filters
of warnings belong to the whole process: another thread would lose its own meanwhile. (From Python
3.14 on they can be a thread's: `-X context_aware_warnings`.) So Pillow's plugins warn by way of
this module, which passes on what other callers cause.
"""

from __future__ import annotations

import threading
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import JpegImagePlugin, PngImagePlugin, TgaImagePlugin, TiffImagePlugin

_here = threading.local()


class _Warnings(types.ModuleType):
    """The module `warnings`, as Pillow's plugins see it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(warnings, name)

    def warn(self, message: Any, category: Any = None, stacklevel: int = 1, **more: Any) -> None:
        """Warn as `warnings.warn` does, unless this thread is to be quiet."""
        if not getattr(_here, "is_quiet", False):
            warnings.warn(message, category, stacklevel + 1, **more)


for _plugin in (JpegImagePlugin, PngImagePlugin, TgaImagePlugin, TiffImagePlugin):
    vars(_plugin)["warnings"] = _Warnings("warnings")


@contextmanager
def quiet() -> Iterator[None]:
    """Drop the warnings of Pillow's plugins that this thread causes inside the block."""
    before = getattr(_here, "is_quiet", False)
    _here.is_quiet = True
    try:
        yield
    finally:
        _here.is_quiet = before
