"""Image formats that are read and written, with their file name endings."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec

# The endings that Pillow registers for JPEG, MPO, PNG, WebP, GIF, BMP, TIFF and AVIF. They are
# spelled out because a scan should not have to import Pillow.
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    *(".png", ".apng", ".webp", ".gif", ".bmp"),
    *(".tif", ".tiff", ".avif", ".avifs"),
)

# The endings of formats that are read only on request: those that Pillow registers, except those
# that it registers but does not read.
_OPTIONAL_EXTENSIONS = {
    "ico": (".ico",),
    "jpeg2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "ppm": (".pbm", ".pgm", ".ppm", ".pnm", ".pfm"),
    "psd": (".psd",),
    "tga": (".tga", ".icb", ".vda", ".vst"),
    "heif": (".heic", ".heif", ".hif"),
    # Raw formats of cameras, current and old; not `.raw` and `.mos`, which may be much else.
    "raw": (
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
        *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw"),
        ".x3f",
    ),
}

# The module that each extra (optional dependency) installs; where it is found, its format is read.
_EXTRA_MODULES = {"heif": "pillow_heif", "raw": "rawpy"}

# The file name endings of each output format; the first is the one that we append.
ENDINGS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png", ".apng"),
    "webp": (".webp",),
    "avif": (".avif",),
    "gif": (".gif",),
}


def installed_extras() -> tuple[str, ...]:
    """Return the installed extras, whose formats can be read. Takes 0.2 ms: nothing is imported."""
    return tuple(name for name, module in _EXTRA_MODULES.items() if find_spec(module))


def missing_extras() -> tuple[str, ...]:
    """Return the extras that are not installed; pictures of their formats are left out."""
    return tuple(name for name in _EXTRA_MODULES if name not in installed_extras())


@lru_cache
def name_filter(also: tuple[str, ...] = ()) -> Callable[[str], bool]:
    """Return a predicate that tells by a file's name whether it is a picture.

    Args:
        also: formats to include besides the usual ones, as named in `Limits.also`.
    """
    endings = (*EXTENSIONS, *(ending for name in also for ending in _OPTIONAL_EXTENSIONS[name]))

    def is_picture(name: str) -> bool:
        # macOS puts files named "._name" beside others on foreign disks: metadata, no pictures.
        is_named = name.lower().endswith(endings) and "." in name.lstrip(".")
        return is_named and not name.startswith("._")

    return is_picture


def possible_formats(format: str) -> tuple[str, ...]:
    """Return the formats that a thumbnail may be encoded in; for `auto` the usual one is first."""
    return ("jpeg", "png") if format == "auto" else (format,)


def format_by_ending(name: str) -> str | None:
    """Return the output format of a file name's ending; None if it is not one that we write."""
    return next((format for format in ENDINGS if has_ending_of(name, format)), None)


def has_ending_of(name: str, format: str) -> bool:
    """Return whether a file name ends in one of an output format's endings."""
    return name.lower().endswith(ENDINGS[format]) and "." in name.lstrip(".")
