"""What the environment says of all services alike: certificates, and values that are yes or no."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from thumbnailer.errors import ConfigError, shortened

_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_", "GS_", "STORAGE_EMULATOR_HOST", "SSL_CERT_FILE")


# What may be told to the nodes of a cluster: no secrets.
_SHARED = (
    "AWS_SKIP_SIGNATURE",
    "AWS_NO_SIGN_REQUEST",
    "AWS_REQUEST_PAYER",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ACCOUNT",
    "AZURE_STORAGE_SERVICE_ENDPOINT",
    "AZURE_STORAGE_ENDPOINT",
    "AZURE_STORAGE_AUTH_MODE",
    "AZURE_SKIP_SIGNATURE",
    "AZURE_NO_SIGN_REQUEST",
    "GOOGLE_SKIP_SIGNATURE",
    "GS_NO_SIGN_REQUEST",
    "STORAGE_EMULATOR_HOST",
)


def shared_variables() -> dict[str, str]:
    """Return the variables that lead another machine to the same buckets, without any secret."""
    return {name: os.environ[name] for name in _SHARED if name in os.environ}


def variables() -> tuple[tuple[str, str], ...]:
    """Return the variables that say how buckets are reached, with their values."""
    return tuple(item for item in os.environ.items() if item[0].startswith(_PREFIXES))


def client_options(endpoint: str, bundles: list[str]) -> dict[str, Any]:
    """Return obstore's options of a client.

    Args:
        endpoint: the URL of the service; "" for the usual one.
        bundles: from `ca_bundles`.
    """
    options: dict[str, Any] = {"allow_http": endpoint.startswith("http://")}
    if bundles:
        options["root_certificate"] = b"\n".join(Path(bundle).read_bytes() for bundle in bundles)
    return options


def ca_bundles(*paths: str) -> list[str]:
    """Return the files of certificates to trust besides the usual ones: some, and `SSL_CERT_FILE`.

    Raises:
        ConfigError: one can't be read.
    """
    bundles = list(dict.fromkeys(filter(None, (*paths, os.environ.get("SSL_CERT_FILE")))))
    for path in bundles:
        if not os.access(path, os.R_OK):
            raise ConfigError(f"{shortened(path)}: this file of certificates can't be read")
    return bundles


def is_set(*names: str) -> bool:
    """Return whether one of some variables says yes."""
    return any(os.environ.get(name, "").lower() in ("1", "true", "yes", "on") for name in names)


def first_of(*names: str) -> str:
    """Return the value of the first of some variables that has one; else ""."""
    return next((value for name in names if (value := os.environ.get(name))), "")
