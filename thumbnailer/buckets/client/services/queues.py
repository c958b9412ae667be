"""How queues are asked: each service by its own interface, and signed by its own credentials.

What is returned here are functions that send one request and return what it is answered. They raise
`ServerError`, an OSError, or an error of botocore's or urllib3's; credentials are looked up anew
each time, since those of a long run change.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from thumbnailer.buckets.client.services import aws, azure
from thumbnailer.buckets.client.services.environment import ca_bundles
from thumbnailer.buckets.client.services.google_tokens import new_tokens
from thumbnailer.buckets.client.services.http import new_client, request
from thumbnailer.errors import ConfigError, install_hint

# Hosts such as sqs.eu-west-1.amazonaws.com, and those that Amazon's documentation calls legacy.
_REGION = re.compile(r"(?:^|\.)sqs(?:-fips)?\.([a-z0-9-]+)\.|^([a-z0-9-]+)\.queue\.")

# How long Pub/Sub may take for an answer: it waits for messages, and does not say how long.
_PULL_SECONDS = 120.0

Json = Mapping[str, Any]


def sqs(url: str) -> Callable[[str, Json], object]:
    """Return what calls an action of Amazon's queue service, with what is said about it, by its
    JSON protocol ("Making requests using the AWS JSON protocol in Amazon SQS").

    Raises:
        ConfigError: the extra is not installed, or there are no credentials.
    """
    access = aws.access(url)
    where = urlsplit(url)
    found = _REGION.search(where.hostname or "")
    region = (found and (found[1] or found[2])) or access.region

    def call(action: str, said: Json) -> object:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{action}",
        }
        data = json.dumps({"QueueUrl": url} | dict(said)).encode()
        unsigned = AWSRequest("POST", f"{where.scheme}://{where.netloc}/", headers, data)
        if access.credentials:
            now = access.credentials.get_frozen_credentials()
            SigV4Auth(now, "sqs", region).add_auth(unsigned)
        ready = unsigned.prepare()
        return _parsed(request(access.http, "POST", ready.url, ready.headers, data).data, url)

    return call


def azure_queue(url: str) -> Callable[[str, str, Mapping[str, str]], Any]:
    """Return what sends a request to a path below a queue of Azure's, by method, path and query.

    Raises:
        ConfigError: the extra is not installed, or there is neither key nor signature.
    """
    _need_extra()
    account, _, name = url.rpartition("/")
    access = azure.access(account)
    if not access.can_send:
        raise ConfigError(
            "queues of Azure need the key of the account or a shared access signature: set "
            "AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING"
        )
    return lambda method, path, query: access.request(method, f"{name}/{path}", query)


def pubsub(url: str) -> Callable[[str, Json], object]:
    """Return what calls a method of a subscription of Google's Pub/Sub, with what is said about it.

    Whatever is asked by http is an emulator, which wants no token.

    Raises:
        ConfigError: the extra is not installed, or the credentials can't be used.
    """
    _need_extra()
    if emulator := os.environ.get("PUBSUB_EMULATOR_HOST"):
        url = f"http://{emulator}{urlsplit(url).path}"
    bundles = ca_bundles()
    client = new_client(url, bundles, _PULL_SECONDS)
    tokens = None
    if url.startswith("https://"):
        tokens = new_tokens(lambda place: new_client(place, bundles), url)

    def call(method: str, said: Json) -> object:
        headers = {"Content-Type": "application/json"}
        if tokens:
            headers["Authorization"] = f"Bearer {tokens()}"
        data = json.dumps(said).encode()
        return _parsed(request(client, "POST", f"{url}:{method}", headers, data).data, url)

    return call


def _need_extra() -> None:
    """Raise ConfigError if what asks is not installed."""
    try:
        import botocore  # noqa: F401  # it brings urllib3
    except ImportError:
        trouble = ConfigError(f"queues need {install_hint('s3')}")
    else:
        return
    raise trouble


def _parsed(data: bytes, url: str) -> object:
    """Return what JSON says; None for nothing."""
    try:
        return json.loads(data) if data.strip() else None
    except (ValueError, RecursionError):
        trouble = OSError(errno.EPROTO, "the service answers with what is no JSON", url)
    raise trouble
