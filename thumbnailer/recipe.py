"""How a thumbnail should look, what a picture may cost, and the fingerprints of both."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

from thumbnailer.formats import has_option, lacks_ending

# Increase this when the same recipe renders differently, so that old thumbnails become stale.
_RENDERING_VERSION = 4


# What a picture may have in pixels that takes no bytes, of one colour say, or a thumbnail that is
# larger than its picture: this many, or a share of the limit if that is more.
_FREE_PIXELS, _FREE_SHARE = 50_000_000, 5


class Box(NamedTuple):
    """Box in px that a thumbnail must fit in; a side that is None is unlimited."""

    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Share:
    """Share of a picture's width and height that a thumbnail has, in percent."""

    percent: float
    width: ClassVar[None] = None
    height: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class Area:
    """The most pixels that a thumbnail may have, in the shape of its picture."""

    pixels: int
    width: ClassVar[None] = None
    height: ClassVar[None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a thumbnail should look: the fields of `Settings` that say so, in normal form.

    A default here is what thumbnails were made with before there was the field. It never changes,
    since fingerprints leave it out; what users get by default is up to `Settings`.

    Attributes:
        box: the box in px, or what takes its place.
        format: `jpeg`, `png`, `webp`, `avif`, `gif`, `jxl`, or `auto`: `jpeg` for opaque pictures,
            else `png`.
        quality: 1 to 100; not used for `png` and `gif`.
        fit: `contain`, `cover`, `pad` or `fill`.
        crop: what `cover` keeps: `centre`, `entropy`, `attention` or a point: `0.3,0.6`.
        background: the colour behind transparent pixels and of padding: R, G and B, 0 to 255.
        subsampling: of the chroma in `jpeg`, `avif` and opaque `jxl`: `4:2:0` or `4:4:4`.
        max_bytes: the largest allowed file, in bytes; 0 for no limit.
        keep: the metadata to keep: any of `copyright`, `date`, `gps` and `icc`.
        previews: whether a preview embedded in the source is used in its place: `never`, `verify`
            (if it matches the picture) or `trust`.
    """

    box: Box | Share | Area
    format: str = "jpeg"
    quality: int = 80
    fit: str = "contain"
    crop: str = "centre"
    upscale: bool = False
    background: tuple[int, int, int] = (255, 255, 255)
    linear: bool = False
    sharpen: bool = False
    animated: bool = False
    progressive: bool = False
    subsampling: str = "4:2:0"
    palette: bool = False
    max_bytes: int = 0
    keep: tuple[str, ...] = ()
    previews: str = "never"

    @property
    def fingerprint(self) -> str:
        """Hash that differs between any two recipes whose thumbnails differ."""
        return _recipe_fingerprint(self)

    def _unused_fields(self) -> set[str]:
        """Return the names of fields that have no effect with the others as they are."""
        options = ("quality", "progressive", "subsampling", "palette", "animated")
        unused = {name for name in options if not has_option(self.format, name)}
        return unused if self.fit == "cover" else unused | {"crop"}


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of what one picture may cost, and whether it may be damaged.

    Attributes:
        pixels: the most pixels (width x height, by the header).
        seconds: the wall time of one attempt.
        memory_bytes: the memory for decoding and resizing.
        keep_truncated: make thumbnails of truncated or damaged pictures, from the readable part.
        also: formats to read besides the usual ones: those named in `Settings.also`, and those of
            the installed extras.
        by_content: whether files without an ending are tried, and skipped if they are no pictures.
    """

    pixels: int
    seconds: float
    memory_bytes: int
    keep_truncated: bool = False
    also: tuple[str, ...] = ()
    by_content: bool = False

    def may_be_no_picture(self, path: str) -> bool:
        """Return whether only the content tells if a source, a path or URL, is a picture."""
        return self.by_content and lacks_ending(os.path.basename(path))

    @property
    def free_pixels(self) -> int:
        """The most pixels where there is no file of a fitting length to vouch for them."""
        return max(min(self.pixels, _FREE_PIXELS), self.pixels // _FREE_SHARE)


@lru_cache  # a run has few recipes and many thumbnails; computing it takes 100 µs
def _recipe_fingerprint(recipe: Recipe) -> str:
    return _fingerprint(_RENDERING_VERSION, _changed_fields(recipe, recipe._unused_fields()))


@lru_cache
def attempt_fingerprint(recipe: Recipe, limits: Limits) -> str:
    """Return a hash of all that decides whether making a thumbnail succeeds, except the source."""
    return _fingerprint(recipe.fingerprint, _changed_fields(limits))


def _changed_fields(values: Recipe | Limits, unused: Collection[str] = ()) -> list[object]:
    """Return names and values of the fields that differ from their defaults.

    A new field with a default thus leaves the fingerprint of whoever does not use it as it was.
    """
    return [
        (item.name, getattr(values, item.name))
        for item in sorted(dataclasses.fields(values), key=lambda item: item.name)
        if item.name not in unused and getattr(values, item.name) != item.default
    ]


def _fingerprint(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
