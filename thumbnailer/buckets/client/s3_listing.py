"""Listings of S3 with keys as they are.

obstore's drop slashes at the ends of keys, so that `/a.jpg` and `a.jpg` look the same, and fail at
keys such as `a//b.jpg`. Requests are signed by botocore and sent by urllib3; boto3's own client
would take ten times as long to read the answers.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote_plus
from xml.etree import ElementTree

from thumbnailer.buckets.client.aws import Access
from thumbnailer.buckets.client.errors import ServerError
from thumbnailer.buckets.client.listed_object import ListedObject, quoted


class S3Listing:
    """The pages of a listing, one after another.

    Args:
        access: how S3 is reached.
        bucket: its name.
        prefix: what keys begin with.
        after: the key after which it starts.
    """

    def __init__(self, access: Access, bucket: str, prefix: str, after: str) -> None:
        self._access, self._prefix, self._after = access, prefix, after
        base = access.endpoint or f"https://s3.{access.region}.{_domain(access.region)}"
        self._url = f"{base.rstrip('/')}/{bucket}"
        self._token, self._is_over = "", False

    def next_page(self) -> list[ListedObject]:
        """Request the next page; an empty one if there is none.

        Raises:
            ServerError: the server answers with an error.
            Exception: botocore's or urllib3's: it can't be reached, or there are no credentials.
        """
        while not self._is_over:
            query = {"list-type": "2", "encoding-type": "url", "prefix": self._prefix}
            if self._token:
                query["continuation-token"] = self._token
            elif self._after:
                query["start-after"] = self._after
            page = self._read(ElementTree.fromstring(self._send(query)))
            if page:
                return page
        return []

    def _send(self, query: dict[str, str]) -> bytes:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest

        access = self._access
        listed = "&".join(
            f"{name}={quote(value, safe='')}" for name, value in sorted(query.items())
        )
        request = AWSRequest(method="GET", url=f"{self._url}?{listed}")
        if access.pays:
            request.headers["x-amz-request-payer"] = "requester"
        if access.credentials:
            credentials = access.credentials.get_frozen_credentials()
            S3SigV4Auth(credentials, "s3", access.region).add_auth(request)
        signed = request.prepare()
        answer = access.http.request(
            "GET", signed.url, headers=dict(signed.headers), redirect=False
        )
        if answer.status >= 300:
            raise _error(answer)
        data: bytes = answer.data
        return data

    def _read(self, root: ElementTree.Element) -> list[ListedObject]:
        space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""

        def text(item: ElementTree.Element, name: str) -> str:
            return item.findtext(f"{space}{name}") or ""

        decoded = unquote_plus if text(root, "EncodingType") == "url" else str
        self._token = text(root, "NextContinuationToken")
        self._is_over = text(root, "IsTruncated") != "true" or not self._token
        return [
            ListedObject(
                decoded(text(item, "Key")),
                int(text(item, "Size") or 0),
                _seconds(text(item, "LastModified")),
                quoted(text(item, "ETag")),
            )
            for item in root.iterfind(f"{space}Contents")
        ]


def _seconds(time: str) -> int:
    """Return a time such as `2026-11-30T01:02:03.000Z` in whole seconds since the epoch."""
    return int(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp())


def _error(answer: Any) -> ServerError:
    """Return the error that an answer says."""
    said: dict[str, str] = {}
    with suppress(ElementTree.ParseError):
        for item in ElementTree.fromstring(answer.data).iter():
            said.setdefault(item.tag.rpartition("}")[2], item.text or "")
    region = answer.headers.get("x-amz-bucket-region") or said.get("Region", "")
    return ServerError(said.get("Code", ""), str(answer.status), region=region)


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
