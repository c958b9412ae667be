"""Requests that obstore does not make: listings with keys as they are."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from thumbnailer.buckets.client.errors import ServerError
from thumbnailer.errors import ConfigError, shortened

# How long a connection and an answer are waited for.
_TIMEOUTS_SECONDS = 10, 60


def new_client(url: str, bundles: list[str]) -> Any:
    """Return a client of urllib3's for a service, through the proxy that the environment names.

    Args:
        bundles: files of certificates to trust besides the usual ones.

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
    connect, read = _TIMEOUTS_SECONDS
    options: dict[str, Any] = {
        "ssl_context": certificates,
        "timeout": urllib3.Timeout(connect, read),
        "retries": False,
    }
    if proxy := get_environ_proxies(url).get(url.partition(":")[0]):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def read(client: Any, url: str, headers: Mapping[str, str]) -> bytes:
    """Return the content at a URL.

    Raises:
        ServerError: the server answers with an error.
        Exception: urllib3's: it can't be reached.
    """
    answer = client.request("GET", url, headers=dict(headers), redirect=False)
    if answer.status >= 300:
        raise _error(answer)
    data: bytes = answer.data
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
    return ServerError(said.get("Code", ""), str(answer.status), region=region)
