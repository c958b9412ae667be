"""All settings with their defaults, checks and help texts, and the recipes made from them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from thumbnailer.config import values
from thumbnailer.errors import ConfigError
from thumbnailer.formats import installed_extras
from thumbnailer.layout import Layout
from thumbnailer.recipe import Box, Limits, Recipe
from thumbnailer.scan.selection import Choice
from thumbnailer.thumbs.freedesktop import SIZE_FOLDERS
from thumbnailer.thumbs.naming import size_label
from thumbnailer.urls import is_url, split_url

# One size, as 256, "256x192" or (256, 192); or several, as a list of such texts.
Size = int | str | tuple[int | None, int | None] | list[str]

# 50 megapixels decode to 200 MB of RGBA. A JPEG that is shrunk on load needs far less.
_PIXELS = 50_000_000
_SHRINKABLE_PIXELS = 250_000_000

# Near the defaults of sharp and libvips. AVIF's scale differs: its 50 looks like a JPEG's 80.
_QUALITIES = {"avif": 50}
_QUALITY = 80


def _setting(
    default: Any,
    check: Callable[[object], Any],
    right: str,
    about: str,
    read: Callable[[str], object] = str,
) -> Any:
    """Return the dataclass field of a setting; `read` parses its text from the command line."""
    metadata = {"check": check, "right": right, "about": about, "read": read}
    if default == {}:
        return field(default_factory=dict, hash=False, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a run: which pictures, what to make of them, where to write it, and limits.

    Values are checked and normalised when the object is made. `config.toml` can hold each setting;
    the command `thumbnailer config` prints all of them with their meaning and default.

    Raises:
        ConfigError: a value is of the wrong type or impossible.
    """

    size: Size = _setting(
        "256x256",
        values.sizes,
        '256, "256x192", "256x" or "x192", each side from 1 to 65500, or a list of such texts',
        "The box in px: 256, 256x192, 256x (any height) or x192; a list makes a folder for each.",
    )
    format: str = _setting(
        "jpeg",
        values.format_,
        '"jpeg", "png", "webp", "avif", "gif" or "auto"',
        "jpeg, png, webp, avif, gif or auto: jpeg for opaque pictures, png for others.",
    )
    quality: int | str = _setting(
        "auto",
        values.QUALITY,
        'a whole number from 1 to 100, or "auto"',
        "1 (small) to 100 (good), for jpeg, webp and avif; auto: 80, for avif 50.",
        values.parse_number,
    )
    fit: str = _setting(
        "contain",
        values.FIT,
        '"contain", "cover", "pad" or "fill"',
        "contain (within the box), cover (fill it, crop), pad (fill it with background) or fill "
        "(stretch).",
    )
    crop: str = _setting(
        "centre",
        values.one_of("centre", "entropy", "attention"),
        '"centre", "entropy" or "attention"',
        "What cover keeps: the centre, what is busiest (entropy) or what catches the eye "
        "(attention).",
    )
    upscale: bool = _setting(
        False, values.flag, "true or false", "Whether a thumbnail may be larger than its source."
    )
    background: str = _setting(
        "white",
        values.check_colour,
        'the name of a colour or "#rrggbb"',
        "The colour behind transparent pictures in jpeg, and around padded ones.",
    )
    linear: bool = _setting(
        False, values.flag, "true or false", "Whether pictures are resized in linear light."
    )
    sharpen: bool = _setting(
        False, values.flag, "true or false", "Whether much reduced pictures are sharpened a bit."
    )
    animated: bool = _setting(
        False, values.flag, "true or false", "Whether animations stay animated, in webp and gif."
    )
    progressive: bool = _setting(
        False, values.flag, "true or false", "Whether jpeg loads coarse first, then sharp."
    )
    subsampling: str = _setting(
        "4:2:0",
        values.one_of("4:2:0", "4:4:4"),
        '"4:2:0" or "4:4:4"',
        "Colours of jpeg and avif at half size (4:2:0) or in full (4:4:4).",
    )
    palette: bool = _setting(
        False, values.flag, "true or false", "Whether png is made with at most 256 colours."
    )
    max_bytes: int = _setting(
        0,
        values.whole(0, 2**31),
        "a whole number from 0 to 2147483648",
        "The most bytes a file may have: quality is lowered until it fits; 0: no limit.",
        values.parse_number,
    )
    keep: tuple[str, ...] = _setting(
        (),
        values.some_of("copyright", "date", "gps", "icc"),
        'a list of "copyright", "date", "gps" and "icc"',
        "The metadata to keep: copyright, date, gps (the place), icc (colour profile).",
        values.comma_list,
    )
    previews: str = _setting(
        "never",
        values.one_of("trust", "verify", "never"),
        '"trust", "verify" or "never"',
        "Whether a camera's preview is used for small thumbnails: never, verify (compare first) or "
        "trust.",
    )
    also: tuple[str, ...] = _setting(
        (),
        values.some_of("ico", "jpeg2000", "ppm", "psd", "tga"),
        'a list of "ico", "jpeg2000", "ppm", "psd" and "tga"',
        "Formats to read besides the usual ones: ico, jpeg2000, ppm, psd, tga.",
        values.comma_list,
    )
    name: str = _setting(
        "",
        values.template,
        'a text with {stem}, {name}, {ext}, {size}, {parent} or {hash}, and no "/"',
        'What thumbnails are called, such as "{stem}_{size}"; "": as their source.',
    )
    layout: str = _setting(
        "thumbs",
        values.one_of("thumbs", "freedesktop"),
        '"thumbs" or "freedesktop"',
        "thumbs, or freedesktop: into the desktop's own cache of thumbnails.",
    )
    output: str | os.PathLike[str] = _setting(
        "",
        values.output,
        "the path of a folder, or s3://bucket/folder",
        'A folder for a tree that mirrors the sources; "": a thumbs folder beside each source.',
    )
    endpoint: str = _setting(
        "",
        values.endpoint,
        'a URL such as "http://localhost:9000", without name and password',
        'The URL of a server for s3:// that is not Amazon, such as MinIO; "": the usual one.',
    )
    verify_etag: bool = _setting(
        False,
        values.flag,
        "true or false",
        "Whether each thumbnail in a bucket is checked for what it was made of (a request each).",
    )
    jobs: int | str = _setting(
        "auto",
        values.whole_or_auto(1, 1024),
        '"auto" or a whole number from 1 to 1024',
        "Pictures made at the same time; auto: one for each usable processor.",
        values.parse_number,
    )
    cluster: str = _setting(
        "",
        values.cluster,
        '"", "auto" or the HOST:PORT of a cluster\'s head',
        'A Ray cluster for make to run on: auto, or its head; "": this machine.',
    )
    recursive: bool = _setting(
        True, values.flag, "true or false", "Whether subfolders are entered."
    )
    include: tuple[str, ...] = _setting(
        (),
        values.globs,
        'a list of globs such as ["*.jpg", "2026/*"]',
        "Globs; only pictures that match one are taken.",
        values.single_glob,
    )
    exclude: tuple[str, ...] = _setting(
        (),
        values.globs,
        'a list of globs such as ["*.png", "private"]',
        "Globs; pictures and folders that match one are left out.",
        values.single_glob,
    )
    timeout: float = _setting(
        60.0,
        values.seconds,
        "a number of seconds above 0 and up to 86400",
        "Seconds that one attempt at a picture may take.",
        values.parse_number,
    )
    max_pixels: int | str = _setting(
        "auto",
        values.whole_or_auto(1, 2**31),
        '"auto" or a whole number from 1 to 2147483648',
        "The largest picture, width x height; auto: 50000000, for JPEG 250000000.",
        values.parse_number,
    )
    worker_memory: int = _setting(
        1024,
        values.whole(32, 2**20),
        "a whole number of MiB from 32 to 1048576",
        "MiB that a worker process may take beyond what it starts with.",
        values.parse_number,
    )
    memory: int | str = _setting(
        "auto",
        values.whole_or_auto(32, 2**24),
        '"auto" or a whole number of MiB from 32 to 16777216',
        "MiB that all pictures being decoded may take; auto: half of what is available.",
        values.parse_number,
    )
    nice: int = _setting(
        0,
        values.whole(0, 19),
        "a whole number from 0 to 19",
        "How much the priority of workers is lowered: 0 (not at all) to 19.",
        values.parse_number,
    )
    sandbox: str = _setting(
        "auto",
        values.one_of("auto", "require", "off"),
        '"auto", "require" or "off"',
        "Whether workers give up all rights but reading: auto (where possible), require or off.",
    )
    truncated: str = _setting(
        "fail",
        values.one_of("fail", "keep"),
        '"fail" or "keep"',
        "fail, or keep: thumbnails of an incomplete picture are made from what is left of it.",
    )
    sizes: Mapping[str, Any] = _setting(
        {},
        values.named_sizes,
        "a table of names, each with a size or a table of size, fit, format and quality",
        "Several thumbnails of each picture, each in a folder of this name, in place of size:",
    )

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            checked = checked_value(item.name, value, f"{item.name} = {shown_value(value)}")
            object.__setattr__(self, item.name, checked)
        if is_url(self.output):
            self._check_for_bucket()
        elif self.output and _is_root(os.fspath(self.output)):
            raise ConfigError(
                f"output = {shown_value(self.output)}: is the root of the file system"
            )
        if self.is_for_desktop:
            self._check_for_desktop()

    def _check_for_bucket(self) -> None:
        split_url(os.fspath(self.output))
        for key, right in (("name", ""), ("layout", "thumbs")):
            if getattr(self, key) != right:
                value = shown_value(getattr(self, key))
                raise ConfigError(f"{key} = {value}: has no place in a bucket")

    def _check_for_desktop(self) -> None:
        sides = [recipe.box for recipe in self._named_recipes.values()]
        if not all(box.width == box.height in SIZE_FOLDERS for box in sides):
            right = ", ".join(map(str, SIZE_FOLDERS))
            raise ConfigError(f"size = {shown_value(self.size)}: the desktop's cache has {right}")
        for key, right in (("fit", "contain"), ("name", "")):
            value = getattr(self, key)
            if value != right:
                raise ConfigError(
                    f"{key} = {shown_value(value)}: has no place in the desktop's cache"
                )
        if not self.output:
            raise ConfigError("layout = 'freedesktop': output must say where the cache is")

    @property
    def is_for_desktop(self) -> bool:
        """Whether thumbnails go into the desktop's thumbnail cache; its folder is `output` then."""
        return self.layout == "freedesktop"

    @property
    def recipes(self) -> dict[str, Recipe]:
        """The recipe of each size by folder name: "" for a single size without its own folder."""
        recipes = self._named_recipes
        if self.is_for_desktop:
            return {
                SIZE_FOLDERS[recipe.box.width or 0]: dataclasses.replace(
                    recipe, format="png", upscale=False, keep=(), max_bytes=0
                )
                for recipe in recipes.values()
            }
        return recipes if len(recipes) > 1 else dict(zip([""], recipes.values(), strict=True))

    @property
    def _named_recipes(self) -> dict[str, Recipe]:
        named: dict[str, dict[str, Any]] = dict(self.sizes)
        if not named:
            size: Any = self.size  # already checked: one text or several
            texts = [size] if isinstance(size, str) else size
            named = {size_label(_box(text)): {"size": text} for text in texts}
        return {name: self._recipe(**own) for name, own in named.items()}

    def _recipe(
        self,
        size: str,
        fit: str | None = None,
        format: str | None = None,
        quality: int | str | None = None,
    ) -> Recipe:
        format = format or self.format
        quality = quality or self.quality
        return Recipe(
            box=_box(size),
            format=format,
            quality=quality if isinstance(quality, int) else _QUALITIES.get(format, _QUALITY),
            fit=fit or self.fit,
            crop=self.crop,
            upscale=self.upscale,
            background=values.parse_rgb(self.background),
            linear=self.linear,
            sharpen=self.sharpen,
            animated=self.animated,
            progressive=self.progressive,
            subsampling=self.subsampling,
            palette=self.palette,
            max_bytes=self.max_bytes,
            keep=self.keep,
            previews=self.previews,
        )

    @property
    def limits(self) -> Limits:
        """What one picture may cost, and which formats are read besides the usual ones."""
        pixels, shrinkable_pixels = _PIXELS, _SHRINKABLE_PIXELS
        if isinstance(self.max_pixels, int):
            pixels = shrinkable_pixels = self.max_pixels
        return Limits(
            pixels,
            shrinkable_pixels,
            self.timeout,
            self.worker_memory << 20,
            self.truncated == "keep",
            (*self.also, *installed_extras()),
        )

    @property
    def choice(self) -> Choice:
        """Which pictures the scan takes."""
        return Choice(self.recursive, self.include, self.exclude, self.limits.also)

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
        )

    @property
    def memory_bytes(self) -> int | None:
        """Bytes of memory for all pictures being decoded; None for half of what is available."""
        return self.memory << 20 if isinstance(self.memory, int) else None

    def to_toml(self) -> str:
        """Return the settings as the text of a `config.toml`, with a comment for each key."""
        from thumbnailer.config.toml_file import to_toml

        return to_toml(self)


KEYS = {item.name: item for item in dataclasses.fields(Settings)}


def checked_value(key: str, value: object, said: str) -> Any:
    """Check the value of a setting and return it in its normal form.

    Args:
        said: key and value as the user wrote them, for the error message.

    Raises:
        ConfigError: the value is impossible; the message says which values are right.
    """
    try:
        return KEYS[key].metadata["check"](value)
    except (ValueError, RecursionError):
        raise ConfigError(f"{said}: must be {KEYS[key].metadata['right']}") from None


def shown_value(value: object) -> str:
    """Return a value as an error message shows it: its `repr`, cut to 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _is_root(folder: str) -> bool:
    path = os.path.realpath(folder)
    return path == os.path.dirname(path)


def _box(size: str) -> Box:
    width, _, height = size.partition("x")
    return Box(int(width) if width else None, int(height) if height else None)


def check_key(key: str, said: str) -> None:
    """Check that there is a setting of this name.

    Args:
        said: key and value as the user wrote them, for the error message.

    Raises:
        ConfigError: there is none; the message names the most similar one, or all of them.
    """
    if key not in KEYS:
        import difflib  # 1 ms; needed only after a mistake

        close = difflib.get_close_matches(key, KEYS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the settings are {', '.join(KEYS)}"
        raise ConfigError(f"{said}: there is no such setting; {hint}")
