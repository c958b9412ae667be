"""Batch image thumbnails: made in parallel, written safely, and remade only where stale.

    from thumbnailer import make_thumbnail, make_thumbnails, iter_thumbnails, prune, watch, Settings

`thumbnailer.errors` lists the exceptions. Names are imported on first use, because every worker
process imports this package too and needs none of them.
"""

from __future__ import annotations

# In place of `typing.TYPE_CHECKING`: importing `typing` alone takes as long as starting Python.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from thumbnailer.config.settings import Settings as Settings
    from thumbnailer.errors import ConfigError as ConfigError
    from thumbnailer.errors import OutputError as OutputError
    from thumbnailer.errors import PictureError as PictureError
    from thumbnailer.errors import PruneRefused as PruneRefused
    from thumbnailer.errors import SourceError as SourceError
    from thumbnailer.errors import ThumbnailError as ThumbnailError
    from thumbnailer.errors import WorkerError as WorkerError
    from thumbnailer.gallery.write import GalleryReport as GalleryReport
    from thumbnailer.gallery.write import Page as Page
    from thumbnailer.gallery.write import write_gallery as write_gallery
    from thumbnailer.model import Failure as Failure
    from thumbnailer.model import Outcome as Outcome
    from thumbnailer.model import Report as Report
    from thumbnailer.model import Source as Source
    from thumbnailer.model import Thumbnail as Thumbnail
    from thumbnailer.operations.make import iter_thumbnails as iter_thumbnails
    from thumbnailer.operations.make import make_thumbnail as make_thumbnail
    from thumbnailer.operations.make import make_thumbnails as make_thumbnails
    from thumbnailer.operations.prune import prune as prune
    from thumbnailer.operations.status import Reason as Reason
    from thumbnailer.operations.status import StatusReport as StatusReport
    from thumbnailer.operations.status import status as status
    from thumbnailer.operations.verify import Finding as Finding
    from thumbnailer.operations.verify import VerifyReport as VerifyReport
    from thumbnailer.operations.verify import verify as verify
    from thumbnailer.thumbs.removals import PruneReport as PruneReport
    from thumbnailer.thumbs.removals import Removal as Removal
    from thumbnailer.watcher.loop import watch as watch

__version__ = "0.1.0"

_NAMES_IN = {
    "config.settings": ["Settings"],
    "errors": [
        "ConfigError",
        "OutputError",
        "PictureError",
        "PruneRefused",
        "SourceError",
        "ThumbnailError",
        "WorkerError",
    ],
    "gallery.write": ["GalleryReport", "Page", "write_gallery"],
    "model": ["Failure", "Outcome", "Report", "Source", "Thumbnail"],
    "thumbs.removals": ["PruneReport", "Removal"],
    "operations.prune": ["prune"],
    "operations.make": ["iter_thumbnails", "make_thumbnail", "make_thumbnails"],
    "operations.status": ["Reason", "StatusReport", "status"],
    "operations.verify": ["Finding", "VerifyReport", "verify"],
    "watcher.loop": ["watch"],
}
_MODULE_OF = {name: module for module, names in _NAMES_IN.items() for name in names}
__all__ = [*_MODULE_OF]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
