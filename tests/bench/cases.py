"""What is measured: which pictures are brought to which sizes."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A set of pictures, the boxes in px that all of it is brought to, and in which format."""

    name: str
    kind: str
    sizes: tuple[int, ...]
    format: str = "jpeg"


_FIVE = (1024, 512, 256, 128, 75)

CASES = (
    Case("camera-256", "camera", (256,)),
    Case("camera-512", "camera", (512,)),
    Case("camera-1024", "camera", (1024,)),
    Case("camera-2048", "camera", (2048,)),
    Case("camera-five", "camera", _FIVE),
    Case("progressive-256", "progressive", (256,)),
    Case("small-75", "small", (75,)),
    Case("png-256", "png", (256,)),
    Case("png-1024", "png", (1024,)),
    Case("png-alpha-256", "png-alpha", (256,)),
    Case("webp-256", "webp", (256,)),
    Case("webp-large-256", "webp-large", (256,)),
    Case("webp-large-1024", "webp-large", (1024,)),
    Case("webp-lossless-256", "webp-lossless", (256,)),
    Case("webp-lossless-1024", "webp-lossless", (1024,)),
    Case("webp-alpha-256", "webp-alpha", (256,)),
    Case("webp-alpha-1024", "webp-alpha", (1024,)),
    Case("tiff-256", "tiff", (256,)),
    Case("gif-256", "gif", (256,)),
    Case("avif-256", "avif", (256,)),
    Case("heic-256", "heic", (256,)),
    Case("to-png-1024", "camera", (1024,), "png"),
    Case("to-webp-1024", "camera", (1024,), "webp"),
    Case("mixed-256", "mixed", (256,)),
)

# Those of a run that should take a minute.
QUICK = ("camera-256", "small-75", "mixed-256")

# How ours goes with the number of workers.
JOBS_CASE = Case("jobs", "small", (75,))
