"""Notifications of Google's storage in Pub/Sub.

All that counts is in the attributes of a message (Google, "Pub/Sub notifications for Cloud
Storage"), whether or not it has the object's metadata for content.
"""

from __future__ import annotations

from thumbnailer.buckets.queues.messages import Event, Unreadable
from thumbnailer.buckets.queues.notices.json_values import member, text
from thumbnailer.buckets.queues.notices.objects import event_of

# Whether an object is gone, by the type of an event. Where versions are kept, what is removed
# becomes an archived one.
_TYPES = {"OBJECT_FINALIZE": False, "OBJECT_DELETE": True, "OBJECT_ARCHIVE": True}


def google_events(attributes: object) -> tuple[Event, ...]:
    """Return the events in the attributes of a message; none if it is about other things than
    objects that come or go. What is only overwritten does not go.

    Raises:
        Unreadable: it is no notification of Google's storage.
    """
    kind = text(attributes, "eventType")
    if not kind:
        raise Unreadable("is no notification of Google's storage")
    if kind not in _TYPES:
        return ()
    if _TYPES[kind] and member(attributes, "overwrittenByGeneration") is not None:
        return ()
    bucket, key = text(attributes, "bucketId"), text(attributes, "objectId")
    return (event_of("gs", bucket, key, is_removed=_TYPES[kind]),)
