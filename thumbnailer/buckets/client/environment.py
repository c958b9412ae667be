"""What the environment says of all services alike: certificates, and values that are yes or no."""

from __future__ import annotations

import os
from typing import Any

from thumbnailer.errors import ConfigError, shortened


def client_options(endpoint: str, *more_bundles: str) -> dict[str, Any]:
    """Return obstore's options of a client for an endpoint; "" for the usual one.

    Args:
        more_bundles: files of certificates, of which the first that is named is read, before
            `SSL_CERT_FILE`.

    Raises:
        ConfigError: the file of certificates can't be read.
    """
    options: dict[str, Any] = {"allow_http": endpoint.startswith("http://")}
    if path := ca_bundle(*more_bundles):
        with open(path, "rb") as file:
            options["root_certificate"] = file.read()
    return options


def ca_bundle(*paths: str) -> str:
    """Return the file of the certificates to trust besides the usual ones; "" for none.

    Raises:
        ConfigError: it can't be read.
    """
    for path in (*paths, os.environ.get("SSL_CERT_FILE", "")):
        if path:
            try:
                with open(path, "rb"):
                    return path
            except OSError as error:
                why = f"{shortened(path)}: {error.strerror}"
                trouble = ConfigError(f"the file of certificates (AWS_CA_BUNDLE): {why}")
            raise trouble
    return ""


def is_set(*names: str) -> bool:
    """Return whether one of some variables says yes."""
    return any(os.environ.get(name, "").lower() in ("1", "true", "yes", "on") for name in names)


def first_of(*names: str) -> str:
    """Return the value of the first of some variables that has one; else ""."""
    return next((value for name in names if (value := os.environ.get(name))), "")
