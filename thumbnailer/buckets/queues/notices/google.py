"""Notifications of Google's storage in Pub/Sub.

All that counts is in the attributes of a message (Google, "Pub/Sub notifications for Cloud
Storage"), whether or not it has the object's metadata for content.
"""

from __future__ import annotations

from thumbnailer.buckets.queues.messages import Unreadable
from thumbnailer.buckets.queues.notices.json_values import member, text
from thumbnailer.buckets.queues.notices.objects import url_of

# Where versions are kept, what is removed becomes an archived one.
_REMOVED = "OBJECT_DELETE", "OBJECT_ARCHIVE"
_TYPES = "OBJECT_FINALIZE", *_REMOVED


def google_urls(attributes: object) -> tuple[str, ...]:
    """Return the URLs in the attributes of a message; none if it is about other things than
    objects that come or go. What is only overwritten does not go.

    Raises:
        Unreadable: it is no notification of Google's storage.
    """
    kind = text(attributes, "eventType")
    if not kind:
        raise Unreadable("is no notification of Google's storage")
    if kind not in _TYPES:
        return ()
    if kind in _REMOVED and member(attributes, "overwrittenByGeneration") is not None:
        return ()
    bucket, key = text(attributes, "bucketId"), text(attributes, "objectId")
    return (url_of("gs", bucket, key),)
