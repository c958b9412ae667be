"""Thumbnails of many pictures: in parallel, safely, again and again.

    from thumbnailer import make_thumbnail, make_thumbnails, iter_thumbnails, Settings

`thumbnailer.errors` lists the exceptions.
"""

from thumbnailer.config import Settings
from thumbnailer.errors import (
    ConfigError,
    OutputError,
    PictureError,
    SourceError,
    ThumbnailError,
    WorkerError,
)
from thumbnailer.model import Failure, Outcome, Report, Source, Thumbnail
from thumbnailer.service import iter_thumbnails, make_thumbnail, make_thumbnails

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "Failure",
    "Outcome",
    "OutputError",
    "PictureError",
    "Report",
    "Settings",
    "Source",
    "SourceError",
    "Thumbnail",
    "ThumbnailError",
    "WorkerError",
    "iter_thumbnails",
    "make_thumbnail",
    "make_thumbnails",
]
