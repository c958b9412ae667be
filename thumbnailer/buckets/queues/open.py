"""Open a queue by its URL."""

from __future__ import annotations

import re
from collections.abc import Callable

from thumbnailer.buckets.queues.azure import AzureQueue
from thumbnailer.buckets.queues.pubsub import PubSub
from thumbnailer.buckets.queues.queue import Queue, Service
from thumbnailer.buckets.queues.sqs import Sqs
from thumbnailer.errors import ConfigError, shortened
from thumbnailer.model import Stop
from thumbnailer.scan.unknown_scheme import without_secrets

# How long messages are hidden once they are received or extended. All services take so much.
VISIBILITY_SECONDS = 120

# What begins a password, a query or a fragment in a URL.
_MORE = set("@?#")

_KNOWN = (
    "these are https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, "
    "https://ACCOUNT.queue.core.windows.net/NAME and "
    "https://pubsub.googleapis.com/v1/projects/PROJECT/subscriptions/NAME"
)

# The accounts of Amazon are numbers, in the URLs of emulators, too.
_HOST = r"[\w.-]+(:\d{1,5})?"
_SERVICES: dict[str, Callable[[str, int], Service]] = {
    rf"https?://{_HOST}/v1/projects/[\w.:-]+/subscriptions/[\w.~+%-]+": PubSub,
    r"https?://[\w-]+(\.[\w-]+)?\.queue\.(core|storage)\.[\w.]+/[a-z0-9-]+": AzureQueue,
    rf"https?://{_HOST}/([\w/-]+/)?\d{{12}}/[\w-]+(\.fifo)?": Sqs,
    rf"http://{_HOST}/[a-z0-9]{{3,24}}/[a-z0-9-]+": AzureQueue,  # of the emulator Azurite
}


def open_queue(
    url: str, stop: Stop | None = None, visibility_seconds: int = VISIBILITY_SECONDS
) -> Queue:
    """Return a queue of notifications. Nothing is asked of it yet.

    Args:
        url: of a queue of SQS or Azure's storage, or of a subscription of Pub/Sub.
        stop: once it is set, nothing is waited for.
        visibility_seconds: how long messages are hidden once they are received or extended.

    Raises:
        ConfigError: it is no such URL, the extra is not installed, or there are no credentials.
    """
    shown = shortened(without_secrets(url.partition("#")[0]))
    if not _MORE.isdisjoint(url):
        raise ConfigError(
            f"{shown}: the URL of a queue ends with its name, and holds no password or signature: "
            "those belong into the environment"
        )
    for form, service in _SERVICES.items():
        if re.fullmatch(form, url, re.ASCII):
            return Queue(service(url, visibility_seconds), url, stop)
    raise ConfigError(f"{shown} is no URL of a queue: {_KNOWN}")
