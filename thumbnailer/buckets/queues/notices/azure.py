"""Notifications of Azure's storage, which Event Grid puts into a storage queue.

It writes them in a schema of its own or as CloudEvents, as the subscription says (Microsoft, "Azure
Blob Storage as an Event Grid source"). Renames, which only accounts with a hierarchical namespace
know, are left out: that of a folder names none of its blobs.
"""

from __future__ import annotations

import re
from base64 import b64decode

from thumbnailer.buckets.queues.messages import Unreadable
from thumbnailer.buckets.queues.notices.json_values import parsed, text
from thumbnailer.buckets.queues.notices.objects import url_of

_TYPES = "Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"

_SUBJECT = re.compile(r"/blobServices/default/containers/([^/]+)/blobs/(.+)", re.DOTALL)


def azure_urls(body: str) -> tuple[str, ...]:
    """Return the URLs in the body of a message; none if it is about other things than blobs that
    come or go.

    Raises:
        Unreadable: it is no notification of Event Grid.
    """
    said = parsed(_plain(body))
    return tuple(url for one in (said if isinstance(said, list) else [said]) for url in _of(one))


def _plain(body: str) -> str | bytes:
    """Return JSON as it is: Event Grid encodes it by base64, which has no brackets."""
    if body.lstrip()[:1] in ("{", "["):
        return body
    try:
        return b64decode(body)
    except ValueError:
        reason = "is neither JSON nor base64"
    raise Unreadable(reason)


def _of(said: object) -> tuple[str, ...]:
    kind = text(said, "eventType") or text(said, "type")
    if not kind:
        raise Unreadable("is no notification of Event Grid")
    if kind not in _TYPES:
        return ()
    found = _SUBJECT.fullmatch(text(said, "subject"))
    if not found:
        raise Unreadable("names no blob")
    return (url_of("az", found[1], found[2]),)
