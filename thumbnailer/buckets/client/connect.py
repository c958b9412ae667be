"""Connections to buckets: each is opened once, and is shared by all who ask for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from thumbnailer.buckets.client import aws, azure, google
from thumbnailer.buckets.client.environment import variables
from thumbnailer.buckets.client.pace import Pace
from thumbnailer.errors import ConfigError, install_hint, shortened

# Failed requests are sent again by `Bucket`, which knows which of them may succeed then.
_NO_RETRIES: dict[str, Any] = {"max_retries": 0}
_TIMEOUTS = {"connect_timeout": "10s", "read_timeout": "60s", "timeout": "15min"}


@dataclass(slots=True, eq=False)
class Connection:
    """A way to a bucket.

    Attributes:
        store: obstore's.
        access: how S3 is reached; None for the other services.
        has_conditions: whether the server takes conditional writes, as far as is known.
    """

    store: Any
    access: aws.Access | None
    pace: Pace = field(default_factory=Pace)
    has_conditions: bool = True


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
    access = aws.access(endpoint) if scheme == "s3" else None
    if access:
        options = access.store_options()
    else:
        options = (azure if scheme == "az" else google).store_options(endpoint)
    options["client_options"] |= _TIMEOUTS
    try:
        store = from_url(url, retry_config=_NO_RETRIES, **options)
    except Exception as error:
        hint = "; is AZURE_STORAGE_ACCOUNT_NAME set?" if scheme == "az" else ""
        why = f"can't be reached as it is set up ({type(error).__name__})"
        trouble = ConfigError(f"{url}: {why}{hint}")
    else:
        return Connection(store, access)
    raise trouble
