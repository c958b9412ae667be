"""What a thumbnail should look like and what a picture may cost, with the fingerprints of both."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

# Raised when the same recipe comes out differently, so that old thumbnails are made again.
_RENDERING_VERSION = 2


class Box(NamedTuple):
    """The box a thumbnail must fit in, in px; None leaves that side free."""

    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a thumbnail should look like; the fields are those of `Settings`, in their one form.

    Attributes:
        box: in px.
        format: `jpeg`, `png`, `webp`, `avif`, `gif`, or `auto`: `jpeg` for opaque pictures, else
            `png`.
        quality: 1 to 100; without meaning for `png` and `gif`.
        fit: `contain`, `cover`, `pad` or `fill`.
        crop: `centre`, `entropy` or `attention`; for `cover`.
        background: R, G and B, 0 to 255.
        subsampling: `4:2:0` or `4:4:4`, of the colours of `jpeg` and `avif`.
        max_bytes: the longest file; 0 for any.
        keep: of `copyright`, `date`, `gps` and `icc`.
        previews: `never`, `verify` or `trust`: whether the preview in a picture is used for it.
    """

    box: Box
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
        """Differs between any two recipes whose thumbnails differ."""
        return _recipe_fingerprint(self)

    def _without_unused_fields(self) -> Recipe:
        """The same with what has no meaning for it left out."""
        recipe = self
        if self.format in ("png", "gif"):
            recipe = replace(recipe, quality=0)
        if self.format not in ("jpeg", "auto"):
            recipe = replace(recipe, progressive=False)
        if self.format not in ("jpeg", "auto", "avif"):
            recipe = replace(recipe, subsampling="")
        if self.format not in ("png", "auto"):
            recipe = replace(recipe, palette=False)
        if self.format not in ("webp", "gif"):
            recipe = replace(recipe, animated=False)
        return recipe if self.fit == "cover" else replace(recipe, crop="")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost at most, and how broken it may be.

    Attributes:
        pixels: width x height, read from the header, for formats that must be decoded whole.
        shrinkable_pixels: the same for JPEG, whose decoder can shrink while it loads.
        seconds: wall time of one attempt.
        memory_bytes: for decoding and resizing.
        keep_truncated: a picture that can't be decoded to its end is made from what there is.
        also: formats that are read besides the usual ones, by the names that `Settings` has, and
            the extras that are installed.
    """

    pixels: int
    shrinkable_pixels: int
    seconds: float
    memory_bytes: int
    keep_truncated: bool = False
    also: tuple[str, ...] = ()


@lru_cache  # a run has a few recipes and a great many thumbnails; each would take 100 µs
def _recipe_fingerprint(recipe: Recipe) -> str:
    return _fingerprint(_RENDERING_VERSION, *dataclasses.astuple(recipe._without_unused_fields()))


def attempt_fingerprint(recipe: Recipe, limits: Limits) -> str:
    """Of all but the source that decides whether making a thumbnail succeeds."""
    return _fingerprint(recipe.fingerprint, limits)


def _fingerprint(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
