"""Subscriptions of Google's Pub/Sub (Google, "REST Resource: projects.subscriptions")."""

from __future__ import annotations

from collections.abc import Sequence

from thumbnailer.buckets.client.errors import ServerError
from thumbnailer.buckets.client.services.queues import pubsub
from thumbnailer.buckets.queues.messages import Message, read_message
from thumbnailer.buckets.queues.notices.google import google_urls
from thumbnailer.buckets.queues.notices.json_values import items, member, text

_MAX_MESSAGES = 100


class PubSub:
    """A subscription of Pub/Sub.

    Raises:
        ConfigError: the extra is not installed, or the credentials can't be used.
    """

    most_receipts = _MAX_MESSAGES

    def __init__(self, url: str, visibility_seconds: int) -> None:
        self._call, self._visibility_seconds = pubsub(url), visibility_seconds

    def fetch(self) -> list[Message]:
        """Request some messages, for which the service may wait."""
        try:
            answer = self._call("pull", {"maxMessages": _MAX_MESSAGES})
        except ServerError as error:
            if "504" in error.codes:  # it has waited in vain
                return []
            raise
        messages = [
            read_message(receipt, member(item, "message", "attributes"), google_urls)
            for item in items(answer, "receivedMessages")
            if (receipt := text(item, "ackId"))
        ]
        if messages:  # until then they are hidden for as long as the subscription says
            self.extend([message.receipt for message in messages])
        return messages

    def done(self, receipts: Sequence[str]) -> None:
        """Acknowledge messages."""
        self._call("acknowledge", {"ackIds": [*receipts]})

    def extend(self, receipts: Sequence[str]) -> None:
        """Hide messages anew."""
        said = {"ackIds": [*receipts], "ackDeadlineSeconds": self._visibility_seconds}
        self._call("modifyAckDeadline", said)
