"""Thumbnails of many pictures: in parallel, safely, again and again.

    from thumbnailer import make_thumbnail, make_thumbnails, iter_thumbnails, prune, watch, Settings

`thumbnailer.errors` lists the exceptions. Names are looked up when first used, since every worker
process imports this package too and needs none of them.
"""

from __future__ import annotations

# As of `typing`, which alone takes as long to import as Python to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from thumbnailer.counting import Reason as Reason
    from thumbnailer.counting import StatusReport as StatusReport
    from thumbnailer.counting import status as status
    from thumbnailer.errors import ConfigError as ConfigError
    from thumbnailer.errors import OutputError as OutputError
    from thumbnailer.errors import PictureError as PictureError
    from thumbnailer.errors import PruneRefused as PruneRefused
    from thumbnailer.errors import SourceError as SourceError
    from thumbnailer.errors import ThumbnailError as ThumbnailError
    from thumbnailer.errors import WorkerError as WorkerError
    from thumbnailer.gallery.writing import GalleryReport as GalleryReport
    from thumbnailer.gallery.writing import Page as Page
    from thumbnailer.gallery.writing import write_gallery as write_gallery
    from thumbnailer.model import Failure as Failure
    from thumbnailer.model import Outcome as Outcome
    from thumbnailer.model import Report as Report
    from thumbnailer.model import Source as Source
    from thumbnailer.model import Thumbnail as Thumbnail
    from thumbnailer.pruning import prune as prune
    from thumbnailer.removals import PruneReport as PruneReport
    from thumbnailer.removals import Removal as Removal
    from thumbnailer.service import iter_thumbnails as iter_thumbnails
    from thumbnailer.service import make_thumbnail as make_thumbnail
    from thumbnailer.service import make_thumbnails as make_thumbnails
    from thumbnailer.settings import Settings as Settings
    from thumbnailer.verifying import Finding as Finding
    from thumbnailer.verifying import VerifyReport as VerifyReport
    from thumbnailer.verifying import verify as verify
    from thumbnailer.vigil import watch as watch

__version__ = "0.1.0"

_NAMES = {
    "settings": ["Settings"],
    "errors": [
        "ConfigError",
        "OutputError",
        "PictureError",
        "PruneRefused",
        "SourceError",
        "ThumbnailError",
        "WorkerError",
    ],
    "gallery.writing": ["GalleryReport", "Page", "write_gallery"],
    "model": ["Failure", "Outcome", "Report", "Source", "Thumbnail"],
    "removals": ["PruneReport", "Removal"],
    "pruning": ["prune"],
    "service": ["iter_thumbnails", "make_thumbnail", "make_thumbnails"],
    "counting": ["Reason", "StatusReport", "status"],
    "verifying": ["Finding", "VerifyReport", "verify"],
    "vigil": ["watch"],
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}
__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
