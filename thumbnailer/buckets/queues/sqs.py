"""Queues of Amazon SQS (Amazon SQS API Reference)."""

from __future__ import annotations

from collections.abc import Sequence

from thumbnailer.buckets.client.errors import ServerError
from thumbnailer.buckets.client.services.queues import sqs
from thumbnailer.buckets.queues.messages import Message, read_message
from thumbnailer.buckets.queues.notices.json_values import items, member, text
from thumbnailer.buckets.queues.notices.s3 import s3_urls

_WAIT_SECONDS = 20  # the most that SQS takes
_MAX_MESSAGES = 10


class Sqs:
    """A queue of SQS.

    Raises:
        ConfigError: the extra is not installed, or there are no credentials.
    """

    most_receipts = _MAX_MESSAGES

    def __init__(self, url: str, visibility_seconds: int) -> None:
        self._call, self._visibility_seconds = sqs(url), visibility_seconds

    def fetch(self) -> list[Message]:
        """Request some messages; the service waits for them."""
        answer = self._call(
            "ReceiveMessage",
            {
                "MaxNumberOfMessages": _MAX_MESSAGES,
                "WaitTimeSeconds": _WAIT_SECONDS,
                "VisibilityTimeout": self._visibility_seconds,
            },
        )
        return [
            read_message(receipt, text(item, "Body"), s3_urls)
            for item in items(answer, "Messages")
            if (receipt := text(item, "ReceiptHandle"))
        ]

    def done(self, receipts: Sequence[str]) -> None:
        """Delete messages."""
        self._settle("DeleteMessageBatch", receipts)

    def extend(self, receipts: Sequence[str]) -> None:
        """Hide messages anew."""
        self._settle(
            "ChangeMessageVisibilityBatch", receipts, VisibilityTimeout=self._visibility_seconds
        )

    def _settle(self, action: str, receipts: Sequence[str], **said: int) -> None:
        """Settle messages in one request, which is to be sent again if the service fails.

        What it says to be the fault of who asks are receipts of messages that are gone, or that
        others have received since.
        """
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt} | said
            for number, receipt in enumerate(receipts)
        ]
        for failed in items(self._call(action, {"Entries": entries}), "Failed"):
            if member(failed, "SenderFault") is not True:
                raise ServerError(text(failed, "Code"), "500")
