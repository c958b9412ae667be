"""Settings as keyword arguments: their types, and a function that applies them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, TypedDict

from thumbnailer.config.checks import check_key, shown
from thumbnailer.config.settings import CHECKS, Settings, Size
from thumbnailer.errors import ConfigError


class Looks(TypedDict, total=False):
    """Settings, as keyword arguments, for how a thumbnail looks and which pictures are read."""

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
    max_pixels: int
    truncated: str


class Overrides(Looks, total=False):
    """All settings as keyword arguments."""

    name: str
    layout: str
    output: str | os.PathLike[str]
    endpoint: str
    verify_etag: bool
    header: tuple[str, ...]
    link_prefix: str
    replace: bool
    jobs: int | str
    cluster: str
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    by_content: bool
    shard: str
    timeout: float
    worker_memory: int
    memory: int | str
    nice: int
    sandbox: str
    sizes: Mapping[str, Any]


def merge_settings(settings: Settings | None, overrides: Mapping[str, Any]) -> Settings:
    """Return a copy of the settings (None: the defaults) with some of them replaced.

    Raises:
        ConfigError: there is no setting of that name, or its value is impossible; or what was given
            is no `Settings`.
    """
    if not (settings is None or isinstance(settings, Settings)):
        raise ConfigError(
            f"{shown('settings', settings)}: must be a Settings; single settings are named, as in "
            "make_thumbnails(sources, size=10)"
        )
    for key, value in overrides.items():
        check_key(key, CHECKS, shown(key, value))
    if settings and "size" in overrides and "sizes" not in overrides:
        overrides = {**overrides, "sizes": {}}  # a lone size replaces all named sizes
    return dataclasses.replace(settings or Settings(), **overrides)
