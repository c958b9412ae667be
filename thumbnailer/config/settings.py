"""All settings with their defaults, checks and help texts, and the recipes made from them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from thumbnailer.buckets.headers import headers_fault, parse_headers
from thumbnailer.config import checks
from thumbnailer.config.checks import (
    Check,
    auto_or,
    flag,
    globs,
    name_or_point,
    one_of,
    shown,
    some_of,
    whole,
)
from thumbnailer.config.sizes import named_sizes, parse_size, size_or_sizes
from thumbnailer.errors import ConfigError, install_hint
from thumbnailer.formats import (
    ON_REQUEST,
    WRITTEN,
    default_qualities,
    in_words,
    installed_extras,
    missing_encoder,
    possible_formats,
    written_with,
)
from thumbnailer.layout import Layout
from thumbnailer.recipe import Limits, Recipe
from thumbnailer.scan.selection import Choice
from thumbnailer.scan.shard import Shard
from thumbnailer.scan.unknown_scheme import scheme_fault
from thumbnailer.thumbs.freedesktop import SIZE_FOLDERS
from thumbnailer.thumbs.naming import size_label
from thumbnailer.urls import is_url, split_url

# One size, as 256, "256x192", (256, 192), "50%" or "1.5mp"; or several, as a list of such texts.
Size = int | str | tuple[int | None, int | None] | list[str]


def _setting(default: Any, check: Check, about: str) -> Any:
    """Return the dataclass field of a setting; `about` is what it is for."""
    how: Any = {"default_factory": dict, "hash": False} if default == {} else {"default": default}
    return field(metadata={"check": check, "about": about}, **how)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a run: which pictures, what to make of them, where to write it, and limits.

        settings = Settings(size=512, format="webp", output="small")
        make_thumbnails("Pictures", settings)

    Values are checked and normalised when the object is made. `config.toml` can hold each setting;
    the command `thumbnailer config` prints all of them with their meaning and default.

    Raises:
        ConfigError: a value is of the wrong type or impossible.
    """

    size: Size = _setting(
        "256x256",
        size_or_sizes,
        "The box in px: 256, 256x192, 256x (any height) or x192; a share of the picture's sides: "
        "50%; or the most pixels, in millions: 1.5mp. A list makes a folder for each.",
    )
    format: str = _setting(
        "jpeg",
        checks.format_,
        f"{in_words((*WRITTEN, 'auto'), 'or')}: jpeg for opaque pictures, png for others.",
    )
    quality: int | str = _setting(
        "auto",
        checks.quality,
        f"1 (small) to 100 (good), for {written_with('quality')}; "
        f"auto: {default_qualities('for ')}.",
    )
    fit: str = _setting(
        "contain",
        checks.fit,
        "contain (within the box), cover (fill it, crop), pad (fill it with background) or fill "
        "(stretch).",
    )
    crop: str = _setting(
        "centre",
        name_or_point("centre", "entropy", "attention"),
        "What cover keeps: the centre, what is busiest (entropy), what catches the eye "
        '(attention), or a point: "0.3,0.6" is at 30 % of the width and 60 % of the height.',
    )
    upscale: bool = _setting(False, flag, "Whether a thumbnail may be larger than its source.")
    background: str = _setting(
        "white",
        checks.colour,
        "The colour behind transparent pictures in jpeg, and around padded ones.",
    )
    linear: bool = _setting(False, flag, "Whether pictures are resized in linear light.")
    sharpen: bool = _setting(False, flag, "Whether much reduced pictures are sharpened a bit.")
    animated: bool = _setting(
        False, flag, f"Whether animations stay animated, in {written_with('animated')}."
    )
    progressive: bool = _setting(
        False, flag, f"Whether {written_with('progressive')} loads coarse first, then sharp."
    )
    subsampling: str = _setting(
        "4:2:0",
        one_of("4:2:0", "4:4:4"),
        f"Colours of {written_with('subsampling')} at half size (4:2:0) or in full (4:4:4).",
    )
    palette: bool = _setting(
        False, flag, f"Whether {written_with('palette')} is made with at most 256 colours."
    )
    max_bytes: int = _setting(
        0,
        whole(0, 2**31),
        "The most bytes a file may have: quality is lowered until it fits; 0: no limit.",
    )
    keep: tuple[str, ...] = _setting(
        (),
        some_of("copyright", "date", "gps", "icc"),
        "The metadata to keep: copyright, date, gps (the place), icc (colour profile).",
    )
    previews: str = _setting(
        "never",
        one_of("trust", "verify", "never"),
        "Whether a camera's preview is used for small thumbnails: never, verify (compare first) or "
        "trust.",
    )
    also: tuple[str, ...] = _setting(
        (),
        some_of(*ON_REQUEST),
        f"Formats to read besides the usual ones: {', '.join(ON_REQUEST)}.",
    )
    name: str = _setting(
        "",
        checks.template,
        'What thumbnails are called, such as "{stem}_{size}"; "": as their source.',
    )
    layout: str = _setting(
        "thumbs",
        one_of("thumbs", "freedesktop"),
        "thumbs, or freedesktop: into the desktop's own cache of thumbnails.",
    )
    output: str | os.PathLike[str] = _setting(
        "",
        checks.output,
        'A folder for a tree that mirrors the sources; "": a thumbs folder beside each source.',
    )
    endpoint: str = _setting(
        "",
        checks.endpoint,
        'The URL of a server for s3:// that is not Amazon, such as MinIO; "": the usual one.',
    )
    verify_etag: bool = _setting(
        False,
        flag,
        "Whether each thumbnail in a bucket is checked for what it was made of (a request each).",
    )
    header: tuple[str, ...] = _setting(
        (),
        checks.header,
        "What is stored with each thumbnail in a bucket, such as "
        '"Cache-Control=public, max-age=31536000".',
    )
    link_prefix: str = _setting(
        "auto",
        checks.link_prefix,
        'What a gallery\'s links to the pictures begin with, such as "https://example.org/photos"; '
        'auto: they lead to where the pictures are; "": there are none.',
    )
    replace: bool = _setting(
        False,
        flag,
        "Whether thumbnails replace files of the same name that are not thumbnailer's.",
    )
    jobs: int | str = _setting(
        "auto",
        auto_or(whole(1, 1024)),
        "Pictures made at the same time; auto: one for each usable processor.",
    )
    cluster: str = _setting(
        "", checks.cluster, 'A Ray cluster for make to run on: auto, or its head; "": this machine.'
    )
    recursive: bool = _setting(True, flag, "Whether subfolders are entered.")
    include: tuple[str, ...] = _setting(
        (),
        globs('["*.jpg", "2026/*"]', for_folders=False),
        "Globs; only pictures that match one are taken.",
    )
    exclude: tuple[str, ...] = _setting(
        (),
        globs('["*.png", "private"]', for_folders=True),
        "Globs; pictures and folders that match one are left out.",
    )
    by_content: bool = _setting(
        False, flag, "Whether files without an ending are taken, too, if they are pictures."
    )
    shard: str = _setting(
        "",
        checks.shard,
        'The part of the pictures that make takes, such as "3/16", the third of 16; "": all.',
    )
    timeout: float = _setting(
        60.0, checks.seconds, "Seconds that one attempt at a picture may take."
    )
    max_pixels: int = _setting(
        250_000_000, whole(1, 2**31), "The largest picture, width x height in px."
    )
    worker_memory: int = _setting(
        1024,
        whole(32, 2**20, "MiB"),
        "MiB that a worker process may take beyond what it starts with.",
    )
    memory: int | str = _setting(
        "auto",
        auto_or(whole(32, 2**24, "MiB")),
        "MiB that all pictures being decoded may take; auto: half of what is available.",
    )
    nice: int = _setting(
        0, whole(0, 19), "How much the priority of workers is lowered: 0 (not at all) to 19."
    )
    sandbox: str = _setting(
        "auto",
        one_of("auto", "require", "off"),
        "Whether workers give up all rights but reading: auto (where possible), require or off.",
    )
    truncated: str = _setting(
        "fail",
        one_of("fail", "keep"),
        "fail, or keep: thumbnails of an incomplete picture are made from what is left of it.",
    )
    sizes: Mapping[str, Any] = _setting(
        {},
        named_sizes,
        "Several thumbnails of each picture, each in a folder of this name, in place of size:",
    )

    def __post_init__(self) -> None:
        for key, item in KEYS.items():
            value = getattr(self, key)
            if value is not item.default:  # which is as checks leave it; most are
                checked = CHECKS[key].checked(value, shown(key, value))
                object.__setattr__(self, key, checked)
        if is_url(self.output):
            split_url(os.fspath(self.output))
            self._refuse_changed("a bucket", "layout")
            if fault := headers_fault(self.header, os.fspath(self.output)):
                raise ConfigError(f"{shown('header', self.header)}: {fault}")
        elif fault := scheme_fault(self.output):
            raise ConfigError(f"output: {fault}")
        elif self.output and _is_root(os.fspath(self.output)):
            raise ConfigError(f"{shown('output', self.output)}: is the root of the file system")
        if self.header and not is_url(self.output):
            raise ConfigError(f"{shown('header', self.header)}: only an output in a bucket has any")
        if self.is_for_desktop:
            self._check_for_desktop()
        for recipe in self.named_recipes.values():
            if extra := missing_encoder(recipe.format):
                format = shown("format", recipe.format)
                raise ConfigError(f"{format}: can be written after {install_hint(extra)}")

    def _check_for_desktop(self) -> None:
        sides = [recipe.box for recipe in self.named_recipes.values()]
        if not all(box.width == box.height in SIZE_FOLDERS for box in sides):
            right = ", ".join(map(str, SIZE_FOLDERS))
            raise ConfigError(f"{shown('size', self.size)}: the desktop's cache has {right}")
        self._refuse_changed("the desktop's cache", "fit", "name")
        if not self.output:
            raise ConfigError("layout = 'freedesktop': output must say where the cache is")

    def _refuse_changed(self, place: str, *keys: str) -> None:
        for key in keys:
            value = getattr(self, key)
            if value != KEYS[key].default:
                raise ConfigError(f"{shown(key, value)}: has no place in {place}")

    @property
    def is_for_desktop(self) -> bool:
        """Whether thumbnails go into the desktop's thumbnail cache; its folder is `output` then."""
        return self.layout == "freedesktop"

    @property
    def recipes(self) -> dict[str, Recipe]:
        """The recipe of each size by folder name: "" for a single size without its own folder."""
        recipes = self.named_recipes
        if self.is_for_desktop:
            return {
                SIZE_FOLDERS[recipe.box.width or 0]: dataclasses.replace(
                    recipe, format="png", upscale=False, keep=(), max_bytes=0
                )
                for recipe in recipes.values()
            }
        return recipes if len(recipes) > 1 else dict(zip([""], recipes.values(), strict=True))

    @property
    def named_recipes(self) -> dict[str, Recipe]:
        """The recipe of each size by its name, also if there is only one."""
        size: Any = self.size  # already checked: one text or several
        texts = [size] if isinstance(size, str) else size
        named = self.sizes or {size_label(parse_size(text)): {"size": text} for text in texts}
        return {name: self._recipe(**own) for name, own in named.items()}

    def _recipe(self, size: str, **own: Any) -> Recipe:
        """Return the recipe of one size, which may have its own fit, format and quality."""
        names = [item.name for item in dataclasses.fields(Recipe) if item.name != "box"]
        looks = {name: getattr(self, name) for name in names} | own
        looks["background"] = checks.parse_rgb(self.background)
        if looks["quality"] == "auto":
            looks["quality"] = WRITTEN[possible_formats(looks["format"])[0]].quality
        return Recipe(box=parse_size(size), **looks)

    @property
    def limits(self) -> Limits:
        """What one picture may cost, and which formats are read besides the usual ones."""
        return Limits(
            self.max_pixels,
            self.timeout,
            self.worker_memory << 20,
            self.truncated == "keep",
            (*self.also, *installed_extras()),
            self.by_content,
        )

    @property
    def choice(self) -> Choice:
        """Which pictures the scan takes."""
        shard = Shard.parse(self.shard) if self.shard else None
        return Choice(
            self.recursive, self.include, self.exclude, self.limits.also, self.by_content, shard
        )

    @property
    def thumbnails(self) -> Layout:
        """Which thumbnails a picture should have, and where."""
        return Layout(
            self.recipes,
            self.limits,
            os.fspath(self.output),
            self.name,
            self.is_for_desktop,
            self.endpoint,
            self.verify_etag,
            parse_headers(self.header),
            self.replace,
        )

    @property
    def memory_bytes(self) -> int | None:
        """Bytes of memory for all pictures being decoded; None for half of what is available."""
        return self.memory << 20 if isinstance(self.memory, int) else None

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Settings:
        """Return the settings of a mapping, such as a part of a program's own configuration.

        Raises:
            ConfigError: a key is no setting, or its value is impossible.
        """
        from thumbnailer.config.overrides import merge_settings

        if not isinstance(values, Mapping):
            raise ConfigError(f"{shown('values', values)}: must be a mapping of settings")
        return merge_settings(None, values)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Settings:
        """Return the settings of a TOML file such as `config.toml`; what it leaves out is default.

        Its table `[watch]`, if it has one, is for the command `watch` only.

        Raises:
            ConfigError: it can't be read, is no TOML, or has a key that is no setting or a value
                that is impossible.
        """
        from thumbnailer.config.toml_file import read_config

        values, _ = read_config(os.fsdecode(path))
        return cls(**values)

    def to_toml(self) -> str:
        """Return the settings as the text of a `config.toml`, with a comment for each key."""
        from thumbnailer.config.toml_file import to_toml

        return to_toml(self)


KEYS = {item.name: item for item in dataclasses.fields(Settings)}
CHECKS: dict[str, Check] = {key: item.metadata["check"] for key, item in KEYS.items()}


def _is_root(folder: str) -> bool:
    path = os.path.realpath(folder)
    return path == os.path.dirname(path)
