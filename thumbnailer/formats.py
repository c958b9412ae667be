"""The table of image formats: how each is named, read and written. All else asks here.

To read or write one more, add its line; to write it, its encoder in `imaging/encode/encode.py`, and
to read it by an extra, its opener in `imaging/decode/open.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Literal, NamedTuple

from thumbnailer.errors import install_hint

# 80 is near the defaults of sharp and libvips. AVIF's scale differs: its 50 looks like that.
_QUALITY, _AVIF_QUALITY = 80, 50


class Format(NamedTuple):  # no dataclass, whose import would take 8 ms of `--help`
    """An image format.

    Attributes:
        name: as in settings.
        endings: of its files' names; the first is the one that thumbnails get.
        read: always; on request, by the setting `also`; or if the extra of its name is installed.
        pillow: Pillow's name for it; "" if Pillow does not read it.
        extra: what has to be installed, too, if it is read on request.
        module: what its extra installs.
        options: the settings that have an effect on thumbnails of this format, besides those that
            have one on all; None if no thumbnails are written in it.
        quality: of thumbnails by default, from 1 to 100; 0 if it knows none.
        max_side: the longest side that it can have, in px; 0 if there is no limit that matters.
        odd_endings: more endings that are read, but not taken for the format of a thumbnail.
    """

    name: str
    endings: tuple[str, ...]
    read: Literal["always", "on request", "by extra"]
    pillow: str = ""
    extra: str = ""
    module: str = ""
    options: tuple[str, ...] | None = None
    quality: int = 0
    max_side: int = 0
    odd_endings: tuple[str, ...] = ()

    @property
    def read_endings(self) -> tuple[str, ...]:
        """All endings that are taken for this format when it is read."""
        return self.endings + self.odd_endings

    @property
    def mime_type(self) -> str:
        """Its MIME type."""
        return f"image/{self.name}"


# Endings are those that Pillow registers, spelled out because a scan should not have to import
# Pillow. Sides: libjpeg's JPEG_MAX_DIMENSION, RFC 9649, AV1 section 5.5.1, GIF89a section 18.
FORMATS = (
    Format(
        "jpeg",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        "always",
        "JPEG",
        options=("quality", "progressive", "subsampling", "keep"),
        quality=_QUALITY,
        max_side=65_500,
        odd_endings=(".mpo",),  # its multi-picture form: Pillow tells them apart after opening
    ),
    Format("png", (".png", ".apng"), "always", "PNG", options=("palette", "keep")),
    Format(
        "webp",
        (".webp",),
        "always",
        "WEBP",
        options=("quality", "animated", "keep"),
        quality=_QUALITY,
        max_side=16_383,
    ),
    Format(
        "avif",
        (".avif",),
        "always",
        "AVIF",
        options=("quality", "subsampling", "keep"),
        quality=_AVIF_QUALITY,
        max_side=32_768,  # for a longer one libavif writes what it does not read
        odd_endings=(".avifs",),
    ),
    Format("gif", (".gif",), "always", "GIF", options=("animated",), max_side=65_535),
    Format("bmp", (".bmp",), "always", "BMP"),
    Format("tiff", (".tif", ".tiff"), "always", "TIFF"),
    Format("ico", (".ico",), "on request", "ICO"),
    Format("jpeg2000", (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"), "on request", "JPEG2000"),
    Format("ppm", (".pbm", ".pgm", ".ppm", ".pnm", ".pfm"), "on request", "PPM"),
    Format("psd", (".psd",), "on request", "PSD"),
    Format("svg", (".svg", ".svgz"), "on request", extra="vips", module="pyvips"),
    Format("tga", (".tga", ".icb", ".vda", ".vst"), "on request", "TGA"),
    Format("heif", (".heic", ".heif", ".hif"), "by extra", module="pillow_heif"),
    Format(
        "jxl",
        (".jxl",),
        "by extra",
        module="pylibjxl",
        options=("quality", "subsampling", "keep"),
        quality=_QUALITY,
        max_side=65_500,  # as of a JPEG, by way of which it is written
    ),
    Format(
        "raw",
        # Of cameras, current and old; not `.raw`, which may be much else.
        (
            *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr"),
            *(".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf"),
            *(".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
        ),
        "by extra",
        module="rawpy",
    ),
)
BY_NAME = {format.name: format for format in FORMATS}

# Formats whose names in text are no abbreviations.
_TITLES = {"heif": "HEIC", "jpeg2000": "JPEG 2000", "jxl": "JPEG XL", "raw": "raw"}

# Those that are always read, and those that thumbnails can be written in.
READ = tuple(format for format in FORMATS if format.read == "always")
WRITTEN = {format.name: format for format in FORMATS if format.options is not None}

# Names without an ending that are no picture's, in lower case.
_NEVER_PICTURES = {
    *("authors", "changelog", "containerfile", "contributing", "copying", "dockerfile", "gemfile"),
    *("gnumakefile", "jenkinsfile", "licence", "license", "makefile", "notice", "procfile"),
    *("rakefile", "readme", "todo", "vagrantfile", "version"),
}

# The names of those that are read on request, and by an extra.
ON_REQUEST = tuple(format.name for format in FORMATS if format.read == "on request")
EXTRAS = tuple(format.name for format in FORMATS if format.read == "by extra")


def in_words(names: Iterable[str], last: str = "and") -> str:
    """Return names as text: `a, b and c`."""
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final


def written_with(option: str) -> str:
    """Return in words the formats of thumbnails that a setting has an effect on."""
    return in_words(name for name in WRITTEN if has_option(name, option))


def default_qualities(preposition: str = "") -> str:
    """Return in words the quality that thumbnails have by default: `80, avif 50`."""
    usual = BY_NAME["jpeg"].quality
    others = [one for one in WRITTEN.values() if one.quality not in (0, usual)]
    return ", ".join([str(usual), *(f"{preposition}{one.name} {one.quality}" for one in others)])


def missing_encoder(format: str) -> str:
    """Return the extra that has to be installed to write a format; "" if none has."""
    module = BY_NAME[format].module if format in BY_NAME else ""
    return format if module and not find_spec(module) else ""


def installed_extras() -> tuple[str, ...]:
    """Return the installed extras, whose formats can be read; nothing is imported.

    It also sees what is installed while the program runs, as from a notebook.
    """
    places = tuple((folder, _mtime_ns(folder or ".")) for folder in sys.path)
    modules = {name: BY_NAME[name].module for name in EXTRAS}
    return tuple(name for name in EXTRAS if _is_installed(modules[name], places))


def _is_installed(module: str, places: tuple[tuple[str, int], ...]) -> bool:
    is_forbidden = sys.modules.get(module, "") is None  # as Python lets a program do
    return not is_forbidden and _is_found(module, places)


@lru_cache  # to look for three modules takes 150 µs, a tenth of what a small picture takes
def _is_found(module: str, _places: tuple[tuple[str, int], ...]) -> bool:
    return find_spec(module) is not None


def _mtime_ns(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:  # sys.path may name what is not there
        return 0


@lru_cache
def name_filter(also: tuple[str, ...] = ()) -> Callable[[str], bool]:
    """Return a predicate that tells by a file's name whether it is a picture.

    Args:
        also: formats to include besides the usual ones, as named in `Limits.also`.
    """
    read = [*READ, *(BY_NAME[name] for name in also)]
    endings = tuple(ending for one in read for ending in one.read_endings)

    def is_picture(name: str) -> bool:
        if not name.lower().endswith(endings):
            return False
        # macOS puts files named "._name" beside others on foreign disks: metadata, no pictures.
        return name[0] != "." or ("." in name.lstrip(".") and name[1] != "_")

    return is_picture


def lacks_ending(name: str) -> bool:
    """Return whether a file's name has no ending, so that only its content tells what it is.

    Names that begin with a dot don't count, nor those that no picture has.
    """
    return bool(name) and "." not in name and name.lower() not in _NEVER_PICTURES


def unread_format(name: str, also: tuple[str, ...] = ()) -> str:
    """Return the format that a file's name promises, if it is one that is not read; else ""."""
    found = _by_ending().get(name[name.rfind(".") :].lower(), "")
    if not found or name_filter(also)(name) or name.startswith("._"):
        return ""
    return found


@lru_cache
def _by_ending() -> dict[str, str]:
    """Return the names of formats that are not always read, by the endings of their files."""
    return {ending: one.name for one in FORMATS if one not in READ for ending in one.endings}


def left_out_line(counts: Mapping[str, int]) -> str:
    """Return in words how many pictures of unread formats were left out, and how to read them."""
    total = sum(counts.values())
    titles = {name: _TITLES.get(name, name.upper()) for name in sorted(counts)}
    numbers = in_words(f"{counts[name]:,} {title}" for name, title in titles.items())
    unread = [name for name in (*EXTRAS, *ON_REQUEST) if name in counts]
    extras = list(filter(None, map(_lacking_extra, unread)))
    ways = [install_hint(",".join(extras))] if extras else []
    requested = [name for name in unread if name in ON_REQUEST]
    ways += [f"--also {','.join(requested)}"] if requested else []
    return f"{numbers} picture{'s' * (total != 1)} left out: {'; '.join(ways)}"


def without_ending_line(count: int) -> str:
    """Return in words how many files without an ending were left out, and how to take them."""
    files = (
        "1 file without an ending was" if count == 1 else f"{count:,} files without an ending were"
    )
    return f"{files} left out (--by-content takes those that are pictures)"


def way_to_read(name: str) -> str:
    """Return in words how a format is read that was not: `with --also psd`."""
    ways = [f"with --also {name}"] if name in ON_REQUEST else []
    ways += [f"after {install_hint(extra)}"] if (extra := _lacking_extra(name)) else []
    return " ".join(ways)


def _lacking_extra(name: str) -> str:
    """Return the extra that has to be installed to read an unread format; "" if none has."""
    format = BY_NAME[name]
    if format.read == "by extra":
        return name
    return format.extra if format.extra and not find_spec(format.module) else ""


def possible_formats(format: str) -> tuple[str, ...]:
    """Return the formats that a thumbnail may be encoded in; for `auto` the usual one is first."""
    return ("jpeg", "png") if format == "auto" else (format,)


def has_option(format: str, option: str) -> bool:
    """Return whether a setting has an effect on thumbnails of a format, which may be `auto`."""
    return any(option in (WRITTEN[one].options or ()) for one in possible_formats(format))


def format_by_ending(name: str) -> str | None:
    """Return the output format of a file name's ending; None if it is not one that we write."""
    return next((format for format in WRITTEN if has_ending_of(name, format)), None)


def has_ending_of(name: str, format: str) -> bool:
    """Return whether a file name ends in one of an output format's endings."""
    return name.lower().endswith(WRITTEN[format].endings) and "." in name.lstrip(".")
