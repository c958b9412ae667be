"""What is measured: which pictures are brought to which sizes."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A set of pictures and the boxes in px that all of it is brought to."""

    name: str
    kind: str
    sizes: tuple[int, ...]


_FIVE = (1024, 512, 256, 128, 75)

CASES = (
    Case("camera-256", "camera", (256,)),
    Case("camera-1024", "camera", (1024,)),
    Case("camera-five", "camera", _FIVE),
    Case("progressive-256", "progressive", (256,)),
    Case("small-75", "small", (75,)),
    Case("png-256", "png", (256,)),
    Case("webp-256", "webp", (256,)),
    Case("tiff-256", "tiff", (256,)),
    Case("mixed-256", "mixed", (256,)),
)

# Those of a run that should take a minute.
QUICK = ("camera-256", "small-75", "mixed-256")

# How ours goes with the number of workers.
JOBS_CASE = Case("jobs", "small", (75,))
