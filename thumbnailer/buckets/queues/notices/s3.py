"""Notifications of S3, on whatever way they have come to a queue of SQS.

S3 writes them itself (Amazon S3 User Guide, "Event message structure") or has EventBridge write
them ("EventBridge event message structure"). SNS passes both on as they are, or in an envelope of
its own (Amazon SNS Developer Guide, "Parsing Amazon SNS message formats").
"""

from __future__ import annotations

from urllib.parse import unquote_plus

from thumbnailer.buckets.queues.messages import Event, Unreadable
from thumbnailer.buckets.queues.notices.json_values import items, member, parsed, text
from thumbnailer.buckets.queues.notices.objects import event_of

# By their beginnings. Restored objects can be read from then on.
_CREATED = "ObjectCreated:", "ObjectRestore:Completed"
_REMOVED = "ObjectRemoved:", "LifecycleExpiration:"

# Whether an object is gone, by what EventBridge calls it.
_OF_EVENTBRIDGE = {
    "Object Created": False,
    "Object Restore Completed": False,
    "Object Deleted": True,
}


def s3_events(body: str) -> tuple[Event, ...]:
    """Return the events in the body of a message; none if it is about other things than objects
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
        return _events_of_eventbridge(said)
    if not isinstance(member(said, "Records"), list):
        raise Unreadable("is no notification of S3")
    return tuple(event for record in items(said, "Records") for event in _events(record))


def _events(record: object) -> tuple[Event, ...]:
    name = text(record, "eventName").removeprefix("s3:")
    if not name:
        raise Unreadable("has a record that is none of S3's")
    if not name.startswith(_CREATED + _REMOVED):
        return ()
    try:
        key = unquote_plus(text(record, "s3", "object", "key"), errors="strict")
    except UnicodeDecodeError:
        key = ""
    bucket = text(record, "s3", "bucket", "name")
    return (event_of("s3", bucket, key, is_removed=name.startswith(_REMOVED)),)


def _events_of_eventbridge(said: object) -> tuple[Event, ...]:
    is_removed = _OF_EVENTBRIDGE.get(text(said, "detail-type"))
    if is_removed is None:
        return ()
    bucket = text(said, "detail", "bucket", "name")
    key = text(said, "detail", "object", "key")  # not encoded, unlike in S3's own form
    return (event_of("s3", bucket, key, is_removed=is_removed),)
