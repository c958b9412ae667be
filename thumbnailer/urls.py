"""Bucket URLs: tell them from file paths, and split them."""

from __future__ import annotations

from thumbnailer.errors import ConfigError

_SCHEMES = ("s3://", "gs://", "az://")


def is_url(path: object) -> bool:
    """Return whether a path is the URL of a bucket or of something in it."""
    return isinstance(path, str) and path.startswith(_SCHEMES)


def split_url(url: str) -> tuple[str, str]:
    """Return the URL of the bucket, and the key or prefix in it without slashes at its ends.

    Raises:
        ConfigError: the URL names no bucket.
    """
    scheme, _, rest = url.partition("://")
    name, _, key = rest.partition("/")
    if not name or not name.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise ConfigError(
            f"a bucket is named as {scheme}://bucket/folder, and by no more than that"
        )
    return f"{scheme}://{name}", key.strip("/")
