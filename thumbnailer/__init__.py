"""Batch image thumbnails: made in parallel, written safely, and remade only where stale.

    from thumbnailer import make_thumbnails

    report = make_thumbnails("Pictures", size=256)

What to do:

- `make_thumbnail`: make the thumbnail of one picture, a file or content, in this process
- `make_sizes`: make several thumbnails of one picture, which is decoded once, in this process
- `Thumbnailer`: makes thumbnails of single pictures in worker processes, for a web server
- `make_thumbnails`: make the missing and stale thumbnails of folders and files, in parallel
- `iter_thumbnails`: the same lazily: one outcome for each picture
- `watch`: make them, then keep them current until stopped
- `status`: count pictures and the states of their thumbnails
- `verify`: decode thumbnails to check that they are whole
- `prune`: remove thumbnails whose pictures are gone, or that the settings would not make
- `clean`: remove all thumbnails, and all else that was written with them
- `write_gallery`: write an HTML page with the thumbnails
- `explain`: say why a picture's thumbnails are as they are

What it is done with:

- `Settings`: what to make and how; each function also takes single settings

What a frozen program (PyInstaller) begins with:

- `freeze_support`: without it, such a program can't start workers

What comes back:

- `Thumbnail`: a thumbnail: its path or content, width, height and format
- `Report`: counts of a run, and the outcomes that failed
- `Outcome`: the result for one picture
- `Progress`: how far a run is
- `Source`: a picture, as it was found
- `Failure`: the reason why a picture has no new thumbnail
- `StatusReport`, `Reason`: from `status`
- `VerifyReport`, `Finding`: from `verify`
- `PruneReport`, `CleanReport`, `Removal`: from `prune` and `clean`
- `GalleryReport`, `Page`: from `write_gallery`
- `Explanation`, `ThumbnailExplanation`, `Description`: from `explain`

What is raised:

- `ThumbnailError`: base class of all of these
- `PictureError`: one picture can't be made into a thumbnail (`make_thumbnail`)
- `ConfigError`: a setting is unknown, of the wrong type or impossible
- `SourceError`: a picture or folder that was named can't be used
- `SourceMissing`: ... because it does not exist
- `SourceForbidden`: ... because it may not be read
- `OutputError`: the output can't be written: no such folder, disk full, read-only
- `PruneRefused`: more than half of all thumbnails would be removed (`prune`)
- `WorkerError`: no worker process can be started, or a cluster can't be used

Names are imported on first use, because every worker process imports this package too and needs
none of them.
"""

from __future__ import annotations

# In place of `typing.TYPE_CHECKING`: importing `typing` alone takes as long as starting Python.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from thumbnailer.config.settings import Settings as Settings
    from thumbnailer.engine.processes.child import freeze_support as freeze_support
    from thumbnailer.errors import ConfigError as ConfigError
    from thumbnailer.errors import OutputError as OutputError
    from thumbnailer.errors import PictureError as PictureError
    from thumbnailer.errors import PruneRefused as PruneRefused
    from thumbnailer.errors import SourceError as SourceError
    from thumbnailer.errors import SourceForbidden as SourceForbidden
    from thumbnailer.errors import SourceMissing as SourceMissing
    from thumbnailer.errors import ThumbnailError as ThumbnailError
    from thumbnailer.errors import WorkerError as WorkerError
    from thumbnailer.gallery.page_builder import Page as Page
    from thumbnailer.gallery.write import GalleryReport as GalleryReport
    from thumbnailer.gallery.write import write_gallery as write_gallery
    from thumbnailer.model import Failure as Failure
    from thumbnailer.model import Outcome as Outcome
    from thumbnailer.model import Progress as Progress
    from thumbnailer.model import Report as Report
    from thumbnailer.model import Source as Source
    from thumbnailer.model import Thumbnail as Thumbnail
    from thumbnailer.operations.explain import Explanation as Explanation
    from thumbnailer.operations.explain import ThumbnailExplanation as ThumbnailExplanation
    from thumbnailer.operations.explain import explain as explain
    from thumbnailer.operations.make import iter_thumbnails as iter_thumbnails
    from thumbnailer.operations.make import make_thumbnails as make_thumbnails
    from thumbnailer.operations.one_picture.make_one import make_sizes as make_sizes
    from thumbnailer.operations.one_picture.make_one import make_thumbnail as make_thumbnail
    from thumbnailer.operations.one_picture.thumbnailer import Thumbnailer as Thumbnailer
    from thumbnailer.operations.removal.clean import CleanReport as CleanReport
    from thumbnailer.operations.removal.clean import clean as clean
    from thumbnailer.operations.removal.prune import PruneReport as PruneReport
    from thumbnailer.operations.removal.prune import prune as prune
    from thumbnailer.operations.status import Reason as Reason
    from thumbnailer.operations.status import StatusReport as StatusReport
    from thumbnailer.operations.status import status as status
    from thumbnailer.operations.verify import Finding as Finding
    from thumbnailer.operations.verify import VerifyReport as VerifyReport
    from thumbnailer.operations.verify import verify as verify
    from thumbnailer.render.describe import Description as Description
    from thumbnailer.thumbs.folders import Removal as Removal
    from thumbnailer.watcher.loop import watch as watch

__version__ = "0.1.0"

_NAMES_IN = {
    "config.settings": ["Settings"],
    "engine.processes.child": ["freeze_support"],
    "errors": [
        "ConfigError",
        "OutputError",
        "PictureError",
        "PruneRefused",
        "SourceError",
        "SourceForbidden",
        "SourceMissing",
        "ThumbnailError",
        "WorkerError",
    ],
    "gallery.page_builder": ["Page"],
    "gallery.write": ["GalleryReport", "write_gallery"],
    "model": ["Failure", "Outcome", "Progress", "Report", "Source", "Thumbnail"],
    "thumbs.folders": ["Removal"],
    "operations.removal.clean": ["CleanReport", "clean"],
    "operations.explain": ["Explanation", "ThumbnailExplanation", "explain"],
    "operations.removal.prune": ["PruneReport", "prune"],
    "operations.make": ["iter_thumbnails", "make_thumbnails"],
    "operations.one_picture.make_one": ["make_sizes", "make_thumbnail"],
    "operations.one_picture.thumbnailer": ["Thumbnailer"],
    "operations.status": ["Reason", "StatusReport", "status"],
    "operations.verify": ["Finding", "VerifyReport", "verify"],
    "render.describe": ["Description"],
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
