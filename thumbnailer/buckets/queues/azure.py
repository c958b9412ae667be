"""Queues of Azure's storage (Microsoft, "Operations on messages")."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from urllib.parse import quote
from xml.etree import ElementTree

from thumbnailer.buckets.client.errors import ServerError
from thumbnailer.buckets.client.services.queues import azure_queue
from thumbnailer.buckets.queues.messages import Message, read_message
from thumbnailer.buckets.queues.notices.azure import azure_urls

_MAX_MESSAGES = 32

# What the service says of a message that is gone, or that another has received since.
_LOST = {"MessageNotFound", "PopReceiptMismatch"}


class AzureQueue:
    """A queue of Azure's storage. The service waits for no message, but answers at once.

    A message is named by its id. The receipt that the service wants besides is another one after
    each `extend`, and is remembered here.

    Raises:
        ConfigError: the extra is not installed, or there is neither key nor signature.
    """

    most_receipts = 1

    def __init__(self, url: str, visibility_seconds: int) -> None:
        self._url, self._request = url, azure_queue(url)
        self._visibility = {"visibilitytimeout": str(visibility_seconds)}
        self._receipts: dict[str, str] = {}

    def fetch(self) -> list[Message]:
        """Request some messages."""
        query = {"numofmessages": str(_MAX_MESSAGES)} | self._visibility
        data = self._request("GET", "messages", query).data
        try:
            found = [*ElementTree.fromstring(data).iterfind("QueueMessage")]
        except ElementTree.ParseError:
            raise OSError(
                errno.EPROTO, "the service answers with what is no XML", self._url
            ) from None
        return [self._message(item) for item in found]

    def done(self, receipts: Sequence[str]) -> None:
        """Delete messages."""
        for name in receipts:
            self._settle("DELETE", name, {})
            self._receipts.pop(name, None)

    def extend(self, receipts: Sequence[str]) -> None:
        """Hide messages anew."""
        for name in receipts:
            if renewed := self._settle("PUT", name, self._visibility):
                self._receipts[name] = renewed

    def _message(self, item: ElementTree.Element) -> Message:
        name = item.findtext("MessageId") or ""
        self._receipts[name] = item.findtext("PopReceipt") or ""
        return read_message(name, item.findtext("MessageText") or "", azure_urls)

    def _settle(self, method: str, name: str, query: dict[str, str]) -> str:
        """Send a request about a message, and return its new receipt; "" if it is lost."""
        receipt = self._receipts.get(name)
        if receipt is None:
            return ""
        path = f"messages/{quote(name, safe='')}"
        try:
            answer = self._request(method, path, {"popreceipt": receipt} | query)
        except ServerError as error:
            if _LOST.isdisjoint(error.codes):
                raise
            self._receipts.pop(name, None)
            return ""
        return answer.headers.get("x-ms-popreceipt") or ""
