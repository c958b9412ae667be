"""Errors of object storage, turned into OSErrors with plain words and system error numbers.

The original messages quote URLs, headers and the names of keys: only their codes are ever shown.
"""

from __future__ import annotations

import errno
import re

_OS_ERRORS = {
    "NoSuchBucket": (errno.ENOENT, "there is no such bucket"),
    "404": (errno.ENOENT, "is not there"),
    "401": (errno.EACCES, "access is denied: no valid credentials"),
    "403": (errno.EACCES, "access is denied"),
    "KeyTooLongError": (errno.ENAMETOOLONG, "its name is too long for a key"),
    "301": (errno.EREMOTE, "the bucket is in another region (AWS_REGION says which)"),
    "507": (errno.ENOSPC, "the storage is full"),
    "503": (errno.EBUSY, "the storage is too busy"),
    "429": (errno.EBUSY, "the storage is too busy"),
}


class InvalidKeyError(OSError):
    """Key in a listing that is no proper path."""


def as_os_error(error: Exception, place: str) -> OSError:
    """Return an OSError about `place` in plain words, for any error of a request."""
    if isinstance(error, ValueError):
        return OSError(errno.EINVAL, "its name can't be a key", place)
    signs = error_codes(error)
    for sign in signs:
        if sign in _OS_ERRORS:
            number, words = _OS_ERRORS[sign]
            named = [one for one in signs if not one.isdigit() and sign != one]
            return OSError(number, f"{words} ({named[0]})" if named else words, place)
    if signs:
        return OSError(errno.EIO, f"the storage answers with {' '.join(signs)}", place)
    kind = type(error).__name__
    if kind in ("PermissionDeniedError", "UnauthenticatedError"):
        return OSError(errno.EACCES, "access is denied", place)
    if "credential" in str(error).lower() or "169.254" in str(error):
        return OSError(errno.EACCES, "no credentials are found", place)
    if kind == "InvalidPathError":
        return InvalidKeyError(errno.EINVAL, "holds a key that can't be the path of a file", place)
    return OSError(errno.EHOSTUNREACH, "the storage can't be reached", place)


def error_codes(error: Exception) -> list[str]:
    """Return the codes in an error's message: S3's, such as `SlowDown`, and the HTTP status."""
    words = str(error).partition("Debug source")[0]
    codes = re.findall(r"<Code>(\w{1,60})</Code>", words)
    return [*codes[:1], *re.findall(r"status code: (\d{3})", words)[:1]]
