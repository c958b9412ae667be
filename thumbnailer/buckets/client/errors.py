"""Errors of object storage and queues, as OSErrors with plain words and system error numbers.

The original messages quote URLs, headers and the names of keys: only their codes are ever shown.
"""

from __future__ import annotations

import errno
import re

_EXPIRED = "the credentials have expired: renew them, and run the same again: it goes on"
_NONE_FOUND = "no credentials are found: `thumbnailer help buckets` says which there may be"
_NOT_RENEWED = "the credentials can't be renewed: once they are, run the same again: it goes on"
_NOT_VALID = "access is denied: no valid credentials"
_ELSEWHERE = "the bucket is in another region (AWS_REGION says which)"
_NO_QUEUE = "there is no such queue"
_BUSY = errno.EBUSY, "the service is too busy"

_OS_ERRORS = {
    "NoSuchBucket": (errno.ENOENT, "there is no such bucket"),
    "ContainerNotFound": (errno.ENOENT, "there is no such bucket"),
    "QueueDoesNotExist": (errno.ENOENT, _NO_QUEUE),
    "QueueNotFound": (errno.ENOENT, _NO_QUEUE),
    "NOT_FOUND": (errno.ENOENT, _NO_QUEUE),
    "AccessDeniedException": (errno.EACCES, "access is denied"),
    "InvalidSignatureException": (
        errno.EACCES,
        "access is denied: the secret key is wrong, or the clock of this machine",
    ),
    "InvalidObjectState": (
        errno.EACCES,
        "is archived: restore it, then say --retry-failed",
    ),
    "BlobArchived": (errno.EACCES, "is archived: restore it, then say --retry-failed"),
    "RequestTimeTooSkewed": (errno.EACCES, "access is denied: the clock of this machine is wrong"),
    "KeyTooLongError": (errno.ENAMETOOLONG, "its name is too long for a key"),
    "AuthorizationHeaderMalformed": (errno.EREMOTE, _ELSEWHERE),
    "PermanentRedirect": (errno.EREMOTE, _ELSEWHERE),
    "301": (errno.EREMOTE, _ELSEWHERE),
    "307": (errno.EREMOTE, _ELSEWHERE),
    "NotImplemented": (errno.ENOSYS, "the service can't do that"),
    "501": (errno.ENOSYS, "the service can't do that"),
    "404": (errno.ENOENT, "is not there"),
    "401": (errno.EACCES, _NOT_VALID),
    "403": (errno.EACCES, "access is denied"),
    "507": (errno.ENOSPC, "the storage is full"),
    "503": _BUSY,
    "429": _BUSY,
    "SlowDown": _BUSY,
    "RequestThrottled": _BUSY,
    "ThrottlingException": _BUSY,
    "OverLimit": _BUSY,
}

_EXPIRED_CODES = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired")
_REVOKED_CODES = (
    "InvalidAccessKeyId",
    "InvalidToken",
    "InvalidClientTokenId",
    "AuthenticationFailed",
    "UnrecognizedClientException",
    "UNAUTHENTICATED",
)
_ARCHIVED_CODES = ("InvalidObjectState", "BlobArchived")

# What may be otherwise the next time.
_PASSING = {
    *("408", "429", "500", "502", "503", "504"),
    *("SlowDown", "RequestTimeout", "InternalError"),
    *("RequestThrottled", "ThrottlingException", "OverLimit"),
}


class UnorderedListing(OSError):
    """Listing whose keys are not in order."""


class CredentialsEnded(PermissionError):
    """End of what the credentials are good for: no other request will succeed, either."""


class Archived(PermissionError):
    """Object that is in an archive, from where it must be restored before it can be read."""


class ServerError(Exception):
    """Answer of a server that is an error, to a request that was not obstore's.

    Args:
        codes: the code in the answer, if there is one, and the HTTP status.
        region: where the bucket is, if the server says so.
    """

    def __init__(self, *codes: str, region: str = "") -> None:
        super().__init__(*codes)
        self.codes = [code for code in codes if re.fullmatch(r"\w{1,60}", code)]
        self.region = region if re.fullmatch(r"[\w-]{1,40}", region) else ""


def as_os_error(error: Exception, place: str) -> OSError:
    """Return an OSError about `place` in plain words, for any error of a request."""
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error
    if isinstance(error, ValueError):
        return OSError(errno.EINVAL, "its name can't be a key", place)
    if is_of_token(error):
        return CredentialsEnded(errno.EACCES, _NONE_FOUND, place)
    codes = error_codes(error)
    if any(code in _EXPIRED_CODES for code in codes):
        return CredentialsEnded(errno.EACCES, _EXPIRED, place)
    if any(code in _REVOKED_CODES for code in codes):
        return CredentialsEnded(errno.EACCES, f"{_NOT_VALID} ({codes[0]})", place)
    if isinstance(error, ServerError) and error.region and codes[-1] in ("301", "307", "400"):
        hint = f"in {error.region}: set AWS_REGION={error.region}"
        return OSError(errno.EREMOTE, f"the bucket is in another region, {hint}", place)
    for code in codes:
        if code in _OS_ERRORS:
            number, words = _OS_ERRORS[code]
            named = [one for one in codes if not one.isdigit() and code != one]
            type_ = Archived if code in _ARCHIVED_CODES else OSError
            return type_(number, f"{words} ({named[0]})" if named else words, place)
    if codes:
        return OSError(errno.EIO, f"the service answers with {' '.join(codes)}", place)
    kind, text = type(error).__name__, _text(error)
    if kind == "InvalidPathError":
        return OSError(errno.EINVAL, "holds a key that can't be the path of a file", place)
    if isinstance(error, SyntaxError):  # of ElementTree
        return OSError(errno.EPROTO, "the storage answers with what is no listing", place)
    if re.search("SSO|Token|Credential", kind):  # botocore's
        return CredentialsEnded(errno.EACCES, f"{_NOT_RENEWED} ({kind})", place)
    if kind == "UnauthenticatedError":
        return CredentialsEnded(errno.EACCES, _NOT_RENEWED, place)
    if kind == "PermissionDeniedError":
        return OSError(errno.EACCES, "access is denied", place)
    if "Received redirect without LOCATION" in text:
        return OSError(*_OS_ERRORS["301"], place)
    if fault := _certificate_fault(error):
        return OSError(errno.EPROTO, fault, place)
    return OSError(errno.EHOSTUNREACH, f"the service can't be reached{_why(text)}", place)


def is_of_token(error: Exception) -> bool:
    """Return whether obstore has failed to get a token, with which it would have asked."""
    return bool(re.match(r"Generic \w+ error: Error performing token request", str(error)))


def is_passing(error: Exception, trouble: OSError) -> bool:
    """Return whether a request that has failed so may succeed if it is sent again.

    Args:
        trouble: what `as_os_error` makes of it.
    """
    codes = error_codes(error)
    if codes:
        return not _PASSING.isdisjoint(codes)
    if isinstance(error, ConnectionError):
        return True
    return trouble.errno == errno.EHOSTUNREACH


def error_codes(error: Exception) -> list[str]:
    """Return the codes in an error: S3's, such as `SlowDown`, and the HTTP status."""
    if isinstance(error, ServerError):
        return error.codes
    words = str(error).partition("Debug source")[0].strip()
    # Of one key among many that were to be deleted, in an answer that is none of an error.
    if deleting := re.search(
        r"DeleteObjects request failed .*\(code: (\w{1,60})\)$", words, re.DOTALL
    ):
        return [deleting[1], *(["403"] if deleting[1] == "AccessDenied" else [])]
    codes = re.findall(r"<Code>(\w{1,60})</Code>", words)
    return [*codes[:1], *re.findall(r"status code: (\d{3})", words)[:1]]


def _certificate_fault(error: Exception) -> str:
    """Return in words why the certificate of a server is not accepted; "" for other errors."""
    text = _text(error)
    found = re.search(r"InvalidCertificate\(\s*(?:Other\(\s*OtherError\(\s*)?(\w{1,40})", text)
    if not found and "CERTIFICATE_VERIFY_FAILED" not in text:
        return ""
    word = f" ({found[1]})" if found else ""
    return f"the certificate of the server is not trusted{word}: AWS_CA_BUNDLE names a file of more"


def _text(error: Exception) -> str:
    return f"{error} {error.__cause__ or ''}"


def _why(text: str) -> str:
    """Return what an error says of a connection that can't be made, to be added to a message."""
    if "dns error" in text or "Failed to resolve" in text:
        return ": there is no host of that name"
    if "Connection refused" in text:
        return ": nobody listens there"
    if "timed out" in text.lower() or "TimedOut" in text:
        return ": no answer in time"
    return ""
