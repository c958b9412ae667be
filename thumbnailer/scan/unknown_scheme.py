"""Paths that look like the URL of a bucket, and are none."""

from __future__ import annotations

import re

# One letter before a colon is a drive of Windows.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")

# The schemes of buckets, and what other programs call them.
_NAMES = {
    "s3": ("s3a", "s3n"),
    "gs": ("gcs", "gcp", "google"),
    "az": ("azure", "azblob", "abfs", "abfss", "wasb", "wasbs", "adl"),
}

# Services that are used as S3 is, at an address of their own.
_LIKE_S3 = ("b2", "r2", "minio", "wasabi", "spaces", "oss", "cos", "obs", "ceph")


def scheme_fault(path: object) -> str:
    """Return in words what is wrong with the scheme of a path; "" for one that has none, or s3://.

    Of the path it quotes nothing but the scheme: a URL may hold a password or a signature.
    """
    found = _SCHEME.match(path) if isinstance(path, str) else None
    if not found or found[1] in _NAMES:
        return ""
    said, name = f"{found[1]}:// is not the scheme of a bucket", found[1].lower()
    for known, others in _NAMES.items():
        if name in (known, *others):
            return f"{said}: write {known}://bucket/folder"
    if name in _LIKE_S3:
        return f"{said}: write s3://bucket/folder, and the address of the service as the endpoint"
    if name in ("http", "https"):
        return f"{said}, and web addresses are not read: write s3://, gs:// or az://bucket/folder"
    if name == "file":
        return f"{said}: a folder is named by its path alone"
    return f"{said}: these are s3://, gs:// and az://"


def without_secrets(path: str) -> str:
    """Return a URL without a password and what follows a question mark, such as a signature."""
    return re.sub(r"//[^/?]*@", "//", path.partition("?")[0], count=1)
