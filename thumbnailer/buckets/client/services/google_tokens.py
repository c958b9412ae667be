"""Tokens for Google's services, for requests that obstore does not make.

They come from where Google's own tools look: the file that `GOOGLE_APPLICATION_CREDENTIALS` names,
what `gcloud auth application-default login` has left, and the metadata server of a virtual machine
("How Application Default Credentials works"). Keys of service accounts sign by RSA, for which there
is nothing here.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from thumbnailer.buckets.client.errors import CredentialsEnded, ServerError
from thumbnailer.buckets.client.services.http import request
from thumbnailer.errors import ConfigError

_USUAL_METADATA_HOST = "metadata.google.internal"
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_USUAL_TOKEN_URL = "https://oauth2.googleapis.com/token"

# How long before its end a token is no longer used. The metadata server has a new one 5 minutes
# before.
_MARGIN_SECONDS = 200.0


def new_tokens(new_client: Callable[[str], Any], place: str) -> Callable[[], str]:
    """Return a function that returns a token which is good for the next minutes.

    That function raises `CredentialsEnded` if there is none to be had, or an error of urllib3's.

    Args:
        new_client: returns a client of urllib3's for a URL.
        place: what the tokens are for, for errors.

    Raises:
        ConfigError: the credentials are of a kind that can't be used here, or can't be read.
    """
    ask = _source(new_client)
    token, end = "", float("-inf")

    def current() -> str:
        nonlocal token, end
        if time.time() > end - _MARGIN_SECONDS:
            token, end = _new_token(ask, place, is_first=not token)
        return token

    return current


def _source(new_client: Callable[[str], Any]) -> Callable[[], bytes]:
    """Return a function that asks for a token."""
    said = _credentials()
    if not said:
        host = os.environ.get("GCE_METADATA_HOST") or _USUAL_METADATA_HOST
        url = f"http://{host}{_METADATA_PATH}"
        return _asker(new_client(url), "GET", url, {"Metadata-Flavor": "Google"})
    if said.get("type") != "authorized_user":
        raise ConfigError(
            "queues of Google are asked as a user (`gcloud auth application-default login`) or as "
            "the account of the machine: credentials of other kinds can't be used for them"
        )
    form = {name: said.get(name) for name in ("client_id", "client_secret", "refresh_token")}
    url = str(said.get("token_uri") or _USUAL_TOKEN_URL)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    data = urlencode(form | {"grant_type": "refresh_token"}).encode()
    return _asker(new_client(url), "POST", url, headers, data)


def _asker(client: Any, *of_request: Any) -> Callable[[], bytes]:
    def ask() -> bytes:
        data: bytes = request(client, *of_request).data
        return data

    return ask


def _credentials() -> dict[str, Any]:
    """Return what the file of credentials says; {} if there is none.

    Raises:
        ConfigError: it can't be read. The message does not quote it.
    """
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    folder = os.environ.get("CLOUDSDK_CONFIG") or os.path.expanduser("~/.config/gcloud")
    path = Path(named or f"{folder}/application_default_credentials.json")
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        if not named:
            return {}
    except (OSError, ValueError, RecursionError):
        pass
    else:
        if isinstance(said, dict):
            return said
    raise ConfigError("the file of Google's credentials can't be read or holds none")


def _new_token(ask: Callable[[], bytes], place: str, *, is_first: bool) -> tuple[str, float]:
    """Return a new token, and when it ends."""
    from urllib3.exceptions import HTTPError

    try:
        said = json.loads(ask())
        return str(said["access_token"]), time.time() + float(said["expires_in"])
    except ServerError as error:
        if error.codes[-1].startswith("5"):
            raise
        why = f"no token is given ({' '.join(error.codes)}): renew the credentials"
    except HTTPError:
        if not is_first:
            raise
        why = "no credentials are found: nobody gives a token"
    except (LookupError, TypeError, ValueError, RecursionError):
        why = "what should be a token is none"
    raise CredentialsEnded(errno.EACCES, why, place)
