"""Connections to buckets: each is opened once, and is shared by all who ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any, Protocol

from thumbnailer.buckets.client.listings.azure_pages import AzurePages
from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.client.listings.pages_ahead import PagesAhead
from thumbnailer.buckets.client.listings.s3_pages import S3Pages
from thumbnailer.buckets.client.pace import Pace
from thumbnailer.buckets.client.services import aws, azure, google
from thumbnailer.buckets.client.services.environment import variables
from thumbnailer.errors import ConfigError, install_hint, shortened

# Failed requests are sent again by `Bucket`, which knows which of them may succeed then.
_NO_RETRIES: dict[str, Any] = {"max_retries": 0}
_TIMEOUTS = {"connect_timeout": "10s", "read_timeout": "60s", "timeout": "15min"}


_ACCESS: dict[str, Callable[[str], Any]] = {
    "s3": aws.access,
    "az": azure.access,
    "gs": google.access,
}


class Pages(Protocol):
    """A listing, page by page."""

    def next_page(self) -> list[ListedObject]:
        """Request the next page; an empty one if there is none."""


@dataclass(slots=True, eq=False)
class Connection:
    """A way to a bucket.

    Attributes:
        store: obstore's.
        pages: lists keys as they are, from a prefix and a key after which to start; None if
            obstore has to do that.
        has_conditions: whether the server takes conditional writes, as far as is known.
        begun: listings of which only the first page was looked at, by prefix.
    """

    store: Any
    pages: Callable[[str, str], Pages] | None
    pace: Pace = field(default_factory=Pace)
    has_conditions: bool = True
    begun: dict[str, PagesAhead] = field(default_factory=dict)


def connect(url: str, endpoint: str) -> Connection:
    """Return the connection to a bucket: the same each time while the environment is the same.

    Args:
        url: of the bucket, such as `s3://bucket`.
        endpoint: the URL of the service; "" for what the environment names, or the usual one.

    Raises:
        ConfigError: the extra is not installed, or what the environment says can't be used.
    """
    return _connect(url, endpoint, variables())


@lru_cache(maxsize=64)
def _connect(url: str, endpoint: str, environment: object) -> Connection:
    scheme = url.partition("://")[0]
    if not find_spec("obstore"):
        raise ConfigError(f"{shortened(url)}: needs {install_hint('s3')}")
    from obstore import store as stores

    from_url: Any = stores.from_url  # its overloads need literals
    access = _ACCESS[scheme](endpoint)
    options = access.store_options()
    options["client_options"] |= _TIMEOUTS
    try:
        store = from_url(url, retry_config=_NO_RETRIES, **options)
    except Exception as error:
        hint = "; is AZURE_STORAGE_ACCOUNT_NAME set?" if scheme == "az" else ""
        why = f"can't be reached as it is set up ({type(error).__name__})"
        trouble = ConfigError(f"{url}: {why}{hint}")
    else:
        return Connection(store, _pages_of(access, url.partition("://")[2]))
    raise trouble


def _pages_of(access: Any, bucket: str) -> Callable[[str, str], Pages] | None:
    """Return what lists a bucket page by page, if that can be done without obstore."""
    if not access.can_send:
        return None
    kind = AzurePages if isinstance(access, azure.Access) else S3Pages
    return partial(kind, partial(access.send, bucket))
