"""Notifications of S3, on whatever way they have come to a queue of SQS.

S3 writes them itself (Amazon S3 User Guide, "Event message structure") or has EventBridge write
them ("EventBridge event message structure"). SNS passes both on as they are, or in an envelope of
its own (Amazon SNS Developer Guide, "Parsing Amazon SNS message formats").
"""

from __future__ import annotations

from urllib.parse import unquote_plus

from thumbnailer.buckets.queues.messages import Unreadable
from thumbnailer.buckets.queues.notices.json_values import items, member, parsed, text
from thumbnailer.buckets.queues.notices.objects import url_of

# By their beginnings. Restored objects can be read from then on.
_NAMES = (
    *("ObjectCreated:", "ObjectRestore:Completed"),
    *("ObjectRemoved:", "LifecycleExpiration:"),
)

# As EventBridge calls them.
_OF_EVENTBRIDGE = "Object Created", "Object Restore Completed", "Object Deleted"


def s3_urls(body: str) -> tuple[str, ...]:
    """Return the URLs in the body of a message; none if it is about other things than objects
    that come or go.

    Raises:
        Unreadable: it is no notification of S3.
    """
    said = parsed(body)
    if text(said, "Type") == "SubscriptionConfirmation":
        raise Unreadable("asks to confirm a subscription of SNS, which is for its owner to do")
    if text(said, "Type") == "Notification":
        said = parsed(text(said, "Message"))
    if text(said, "Event") == "s3:TestEvent":
        return ()
    if text(said, "source") == "aws.s3":
        return _urls_of_eventbridge(said)
    if not isinstance(member(said, "Records"), list):
        raise Unreadable("is no notification of S3")
    return tuple(url for record in items(said, "Records") for url in _urls(record))


def _urls(record: object) -> tuple[str, ...]:
    name = text(record, "eventName").removeprefix("s3:")
    if not name:
        raise Unreadable("has a record that is none of S3's")
    if not name.startswith(_NAMES):
        return ()
    try:
        key = unquote_plus(text(record, "s3", "object", "key"), errors="strict")
    except UnicodeDecodeError:
        key = ""
    bucket = text(record, "s3", "bucket", "name")
    return (url_of("s3", bucket, key),)


def _urls_of_eventbridge(said: object) -> tuple[str, ...]:
    if text(said, "detail-type") not in _OF_EVENTBRIDGE:
        return ()
    bucket = text(said, "detail", "bucket", "name")
    key = text(said, "detail", "object", "key")  # not encoded, unlike in S3's own form
    return (url_of("s3", bucket, key),)
