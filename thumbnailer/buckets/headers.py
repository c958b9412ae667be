"""What is stored with each thumbnail in a bucket: the user's headers, and what it was made of."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from thumbnailer.model import is_placeholder

# The metadata that holds the version of the source that a thumbnail was made of. One word: Azure
# takes letters, digits and underscores only (Microsoft, "Naming and referencing containers, blobs,
# and metadata"), and proxies such as nginx drop headers with underscores.
SOURCE_VERSION = "thumbnailersource"
_EARLIER_SOURCE_VERSION = "thumbnailer-source"

# Those that hold which source that was, as from `origins.origin_of`, the thumbnail's width and
# height in px, such as `320x240`, and its placeholder, as in `Thumbnail`.
ORIGIN, SIZE = "thumbnailerorigin", "thumbnailersize"
PLACEHOLDER = "thumbnailerplaceholder"

# What services send as a header of that name, or act on; any other name is the user's metadata.
_OF_SERVICES = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "storage-class",
)
_OURS = {
    "content-type": "is that of the thumbnail's format",
    SOURCE_VERSION: "says what a thumbnail was made of",
    _EARLIER_SOURCE_VERSION: "says what a thumbnail was made of",
    ORIGIN: "says what a thumbnail was made of",
    SIZE: "says how large a thumbnail is",
    PLACEHOLDER: "says what a thumbnail looks like",
}
_PREFIXES = ("x-amz-", "x-goog-", "x-ms-")

# Names that all services take, and the metadata of Azure. obstore panics at what is no header.
_NAME = re.compile(r"[A-Za-z0-9-]+")
_AZURE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# No service signs other blanks than single ones alike. S3 takes 2 KB of metadata in all, of which
# up to 1,010 bytes are ours.
_VALUE = re.compile(r"[!-~]+( [!-~]+)*")
_MOST_BYTES = 1000


# What is stored with an object, by name.
Attributes = Mapping[str, str]

_SIZE_TEXT = re.compile(r"([1-9][0-9]{0,8})x([1-9][0-9]{0,8})")


def header_fault(text: str) -> str:
    """Return in words why a text `NAME=VALUE` is no header for any bucket; "" if it is one."""
    name, equals, value = text.partition("=")
    if not equals:
        return "must be NAME=VALUE"
    if not (_NAME.fullmatch(name) or _AZURE_NAME.fullmatch(name)):
        return "must have a name of letters, digits and hyphens"
    if why := _OURS.get(name.lower()):
        return f"can't be set: {name} {why}"
    if name.lower().startswith(_PREFIXES):
        return "must have a name without the prefix of a service, which adds its own"
    if not _VALUE.fullmatch(value):
        return "must have a value of printable ASCII characters, with single spaces between words"
    return ""


def headers_fault(texts: Collection[str], url: str) -> str:
    """Return in words why headers, each one for itself right, can't be set in a bucket; or "".

    Args:
        texts: `NAME=VALUE` each.
        url: of the bucket.
    """
    if sum(map(len, texts)) > _MOST_BYTES:
        return f"more than {_MOST_BYTES:,} characters in all, which not all services take"
    seen = set[str]()
    for name in (text.partition("=")[0] for text in texts):
        if name.lower() in seen:
            return f"{name} is set twice"
        seen.add(name.lower())
        if url.startswith("az://"):
            if name.lower() not in _OF_SERVICES and not _AZURE_NAME.fullmatch(name):
                return f"{name}: metadata in az:// has names of letters, digits and underscores"
        elif not _NAME.fullmatch(name):
            return f"{name}: some servers drop names with underscores; write hyphens"
    return ""


def parse_headers(texts: Iterable[str]) -> dict[str, str]:
    """Return the values of headers by their names, of texts `NAME=VALUE`."""
    parts = (text.partition("=") for text in texts)
    return {name: value for name, _, value in parts}


def made_from(attributes: Mapping[str, str]) -> str:
    """Return the version of the source that a thumbnail was made of, by its attributes; or ""."""
    return attributes.get(SOURCE_VERSION) or attributes.get(_EARLIER_SOURCE_VERSION) or ""


def made_size(attributes: Attributes) -> tuple[int, int]:
    """Return width and height in px of a thumbnail when it was made; 0 if that is not stored."""
    found = _SIZE_TEXT.fullmatch(attributes.get(SIZE, ""))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def made_placeholder(attributes: Attributes) -> str:
    """Return the placeholder of a thumbnail, as in `Thumbnail`; "" if it is not stored."""
    stored = attributes.get(PLACEHOLDER, "")
    return stored if is_placeholder(stored) else ""
