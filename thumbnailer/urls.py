"""Paths that lead into object storage, told from those of files."""

from __future__ import annotations

from thumbnailer.errors import ConfigError

_SCHEMES = ("s3://", "gs://", "az://")


def is_url(path: object) -> bool:
    """Whether a path is that of a bucket, or leads into one."""
    return isinstance(path, str) and path.startswith(_SCHEMES)


def refuse_buckets(*places: object) -> None:
    """For whatever works on folders alone.

    Raises:
        ConfigError: one of the places is in a bucket; which, it does not say, since who puts a key
            into a URL should not find it in a log.
    """
    if any(map(is_url, places)):
        raise ConfigError("only make takes buckets; all else takes folders")


def split_url(url: str) -> tuple[str, str]:
    """A URL as that of its bucket, and the key or prefix in it, without slashes at its ends.

    Raises:
        ConfigError: it names no bucket.
    """
    scheme, _, rest = url.partition("://")
    name, _, key = rest.partition("/")
    if not name or not name.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise ConfigError(
            f"a bucket is named as {scheme}://bucket/folder, and by no more than that"
        )
    return f"{scheme}://{name}", key.strip("/")
