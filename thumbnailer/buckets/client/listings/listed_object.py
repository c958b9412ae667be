"""Entry of a listing."""

from __future__ import annotations

from typing import Any, NamedTuple


class ListedObject(NamedTuple):
    """Entry of a listing: an object without its content.

    Attributes:
        modified: its time in whole seconds since the epoch; S3 has no finer one.
        etag: its ETag, which differs between any two contents of a key.
        version: its generation on Google's storage, if the entry is not of a listing.
    """

    key: str
    size_bytes: int
    modified: int
    etag: str
    version: str = ""


def listed_object(meta: Any) -> ListedObject:
    """Return the entry for an object of which obstore has given the metadata."""
    modified = int(meta["last_modified"].timestamp())
    etag, version = meta["e_tag"] or "", meta.get("version") or ""
    return ListedObject(meta["path"], meta["size"], modified, quoted(etag), version)


def quoted(etag: str) -> str:
    """Return an ETag in the quotes that it has in headers: Azure lists it without them."""
    return f'"{etag}"' if etag and not etag.endswith('"') else etag
