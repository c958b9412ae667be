"""What is said of a queue that refuses, in words that quote codes only."""

from __future__ import annotations

import pytest

from thumbnailer.buckets.client.errors import (
    CredentialsEnded,
    ServerError,
    as_os_error,
    is_passing,
)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (("QueueDoesNotExist", "400"), "there is no such queue"),
        (("QueueNotFound", "404"), "there is no such queue"),
        (("NOT_FOUND", "404"), "there is no such queue"),
        (("AccessDeniedException", "400"), "access is denied"),
        (("PERMISSION_DENIED", "403"), "access is denied (PERMISSION_DENIED)"),
        (("AuthorizationFailure", "403"), "access is denied (AuthorizationFailure)"),
        (
            ("InvalidSignatureException", "400"),
            "access is denied: the secret key is wrong, or the clock of this machine",
        ),
        (("FAILED_PRECONDITION", "400"), "the service answers with FAILED_PRECONDITION 400"),
        (("a secret {of} theirs", "400"), "the service answers with 400"),
    ],
)
def test_what_stays_wrong(codes: tuple[str, ...], words: str) -> None:
    error = ServerError(*codes)
    trouble = as_os_error(error, "https://queue")
    assert (trouble.strerror, trouble.filename) == (words, "https://queue")
    assert not isinstance(trouble, CredentialsEnded)
    assert not is_passing(error, trouble)


@pytest.mark.parametrize(
    "codes",
    [
        ("ExpiredTokenException", "403"),
        ("UnrecognizedClientException", "400"),
        ("InvalidClientTokenId", "403"),
        ("AuthenticationFailed", "403"),
        ("UNAUTHENTICATED", "401"),
    ],
)
def test_what_ends_a_run(codes: tuple[str, ...]) -> None:
    assert isinstance(as_os_error(ServerError(*codes), "https://queue"), CredentialsEnded)


@pytest.mark.parametrize(
    "codes",
    [
        ("RequestThrottled", "400"),
        ("ThrottlingException", "400"),
        ("OverLimit", "403"),
        ("ServerBusy", "503"),
        ("RESOURCE_EXHAUSTED", "429"),
        ("UNAVAILABLE", "503"),
        ("InternalFailure", "500"),
    ],
)
def test_what_passes(codes: tuple[str, ...]) -> None:
    error = ServerError(*codes)
    assert is_passing(error, as_os_error(error, "https://queue"))
