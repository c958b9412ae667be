"""The settings as keyword arguments, for type checkers."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, TypedDict

from thumbnailer.config.settings import Settings, Size, check_key, shown_value


class Looks(TypedDict, total=False):
    """The settings that say how one thumbnail looks and what is read, as keyword arguments."""

    size: Size
    format: str
    quality: int | str
    fit: str
    crop: str
    upscale: bool
    background: str
    linear: bool
    sharpen: bool
    animated: bool
    progressive: bool
    subsampling: str
    palette: bool
    max_bytes: int
    keep: tuple[str, ...]
    previews: str
    also: tuple[str, ...]
    max_pixels: int | str
    truncated: str


class Overrides(Looks, total=False):
    """The settings as keyword arguments."""

    name: str
    layout: str
    output: str | os.PathLike[str]
    endpoint: str
    verify_etag: bool
    jobs: int | str
    cluster: str
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    timeout: float
    worker_memory: int
    memory: int | str
    nice: int
    sandbox: str
    sizes: Mapping[str, Any]


def merged(settings: Settings | None, overrides: Mapping[str, Any]) -> Settings:
    """The settings with some of them replaced.

    Raises:
        ConfigError: an override is no setting, or its value is impossible.
    """
    for key, value in overrides.items():
        check_key(key, f"{key} = {shown_value(value)}")
    if settings and "size" in overrides and "sizes" not in overrides:
        overrides = {**overrides, "sizes": {}}  # one in place of all named ones
    return dataclasses.replace(settings or Settings(), **overrides)
