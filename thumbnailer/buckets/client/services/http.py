"""Requests that obstore does not make: listings with keys as they are, and queues."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from thumbnailer.buckets.client.errors import ServerError
from thumbnailer.errors import ConfigError, shortened

# How long a connection and an answer are waited for.
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 60.0

# Connections to a server that are kept for the next request.
_KEPT_CONNECTIONS = 8


def new_client(url: str, bundles: list[str], read_seconds: float = _READ_SECONDS) -> Any:
    """Return a client of urllib3's for a service, through the proxy that the environment names.

    Args:
        bundles: files of certificates to trust besides the usual ones.
        read_seconds: how long an answer is waited for.

    Raises:
        ConfigError: one of the files holds none.
    """
    import urllib3
    from botocore.utils import get_environ_proxies

    certificates = ssl.create_default_context()
    for bundle in bundles:
        try:
            certificates.load_verify_locations(bundle)
        except ssl.SSLError:
            raise ConfigError(f"{shortened(bundle)}: this file holds no certificates") from None
    options: dict[str, Any] = {
        "ssl_context": certificates,
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=read_seconds),
        "retries": False,
        "maxsize": _KEPT_CONNECTIONS,
    }
    if proxy := get_environ_proxies(url).get(url.partition(":")[0]):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def request(
    client: Any, method: str, url: str, headers: Mapping[str, str], data: bytes | None = None
) -> Any:
    """Send a request, and return urllib3's answer, which is read.

    Raises:
        ServerError: the server answers with an error.
        Exception: urllib3's: it can't be reached.
    """
    answer = client.request(method, url, headers=dict(headers), body=data, redirect=False)
    if answer.status >= 300:
        raise _error(answer)
    return answer


def read(client: Any, url: str, headers: Mapping[str, str]) -> bytes:
    """Return the content at a URL.

    Raises:
        ServerError: the server answers with an error.
        Exception: urllib3's: it can't be reached.
    """
    data: bytes = request(client, "GET", url, headers).data
    return data


def query_text(query: Mapping[str, str]) -> str:
    """Return a query in the form in which it is signed: sorted, and quoted throughout."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(query.items()))


def _error(answer: Any) -> ServerError:
    """Return the error that an answer says."""
    said: dict[str, str] = {}
    with suppress(ElementTree.ParseError):
        for item in ElementTree.fromstring(answer.data).iter():
            said.setdefault(item.tag.rpartition("}")[2], item.text or "")
    region = answer.headers.get("x-amz-bucket-region") or said.get("Region", "")
    code = said.get("Code", "") or _code_in_json(answer.data)
    return ServerError(code, str(answer.status), region=region)


def _code_in_json(data: bytes) -> str:
    """Return the code in an error of Amazon's or Google's JSON interfaces; "" if there is none."""
    with suppress(ValueError, RecursionError):
        said = json.loads(data)
        if isinstance(said, dict):
            error = said.get("error")
            code = error.get("status") if isinstance(error, dict) else said.get("__type")
            return str(code or "").rpartition("#")[2]
    return ""
