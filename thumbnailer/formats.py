"""The formats that are read and written, and the file name endings that say each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec

# What Pillow registers for JPEG, MPO, PNG, WebP, GIF, BMP, TIFF and AVIF; spelled out because
# scanning must not cost the import of Pillow.
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    *(".png", ".apng", ".webp", ".gif", ".bmp"),
    *(".tif", ".tiff", ".avif", ".avifs"),
)

# The endings of what is read only where it is asked for: what Pillow registers, but for what it
# then does not read.
_OPTIONAL_EXTENSIONS = {
    "ico": (".ico",),
    "jpeg2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "ppm": (".pbm", ".pgm", ".ppm", ".pnm", ".pfm"),
    "psd": (".psd",),
    "tga": (".tga", ".icb", ".vda", ".vst"),
    "heif": (".heic", ".heif", ".hif"),
    # What cameras write, now or once; `.raw` and `.mos` may be too much else.
    "raw": (
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
        *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw"),
        ".x3f",
    ),
}

# What the extras of the same name install, and what is read where it is installed.
_EXTRA_MODULES = {"heif": "pillow_heif", "raw": "rawpy"}

# The file name endings that already say each format, the first being the one we give.
ENDINGS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png", ".apng"),
    "webp": (".webp",),
    "avif": (".avif",),
    "gif": (".gif",),
}


def installed_extras() -> tuple[str, ...]:
    """The extras whose formats can be read here. Nothing is imported: it takes 0.2 ms."""
    return tuple(name for name, module in _EXTRA_MODULES.items() if find_spec(module))


def missing_extras() -> tuple[str, ...]:
    """Those that are not installed, so that pictures of their formats are left out."""
    return tuple(name for name in _EXTRA_MODULES if name not in installed_extras())


def name_filter(also: Iterable[str] = ()) -> Callable[[str], bool]:
    """A test whether a file's name says that it is a picture.

    Args:
        also: formats besides the usual ones, by the names that `Limits` has.
    """
    endings = (*EXTENSIONS, *(ending for name in also for ending in _OPTIONAL_EXTENSIONS[name]))

    def is_picture(name: str) -> bool:
        # "._name" is what macOS leaves beside files on foreign disks: their metadata, no picture.
        is_named = name.lower().endswith(endings) and "." in name.lstrip(".")
        return is_named and not name.startswith("._")

    return is_picture


def possible_formats(format: str) -> tuple[str, ...]:
    """The formats that a thumbnail may come out in: for `auto` the usual one first."""
    return ("jpeg", "png") if format == "auto" else (format,)


def format_by_ending(name: str) -> str | None:
    """The format that a file name's ending says; None if it says none we write."""
    return next((format for format in ENDINGS if says_format(name, format)), None)


def says_format(name: str, format: str) -> bool:
    return name.lower().endswith(ENDINGS[format]) and "." in name.lstrip(".")
