"""Listings of Azure's storage (Microsoft, "List Blobs")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import unquote
from xml.etree import ElementTree

from thumbnailer.buckets.client.listings.listed_object import ListedObject, quoted


class AzurePages:
    """The pages of a listing, one after another.

    Args:
        send: sends a query to the container, and returns the answer.
        prefix: what keys begin with.
        after: the key at which it starts, if the server can do that.
    """

    def __init__(self, send: Callable[[Mapping[str, str]], bytes], prefix: str, after: str) -> None:
        self._send, self._prefix, self._after = send, prefix, after
        self._marker, self._is_over = "", False

    def next_page(self) -> list[ListedObject]:
        """Request the next page; an empty one if there is none.

        Raises:
            Exception: what `send` raises, or of ElementTree's: the answer is no listing.
        """
        while not self._is_over:
            query = {"restype": "container", "comp": "list", "prefix": self._prefix}
            if self._marker:
                query["marker"] = self._marker
            elif self._after:
                query["startFrom"] = self._after
            root = ElementTree.fromstring(self._send(query))
            self._marker = root.findtext("NextMarker") or ""
            self._is_over = not self._marker
            if page := [*map(_entry, root.iterfind("Blobs/Blob"))]:
                return page
        return []


def _entry(blob: ElementTree.Element) -> ListedObject:
    name = blob.find("Name")
    key = (name.text if name is not None else "") or ""
    if name is not None and name.get("Encoded") == "true":  # what XML has no letter for
        key = unquote(key)
    said = blob.find("Properties")

    def text(item: str) -> str:
        return (said.findtext(item) if said is not None else "") or ""

    modified = int(parsedate_to_datetime(text("Last-Modified")).timestamp())
    return ListedObject(key, int(text("Content-Length") or 0), modified, quoted(text("Etag")))
