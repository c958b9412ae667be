"""A server that answers like Google Cloud Storage, as far as the program and its tests ask.

It is not Google's, which has none to be run at home. It is written after the documentation of
Google's XML API (https://cloud.google.com/storage/docs/xml-api/overview): where that is silent, or
where Google's servers do otherwise, it may be wrong. It knows no accounts, and takes any token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote_plus, unquote
from xml.etree.ElementTree import Element, SubElement, tostring

from support import http_server
from support.cloud import Cloud, NewBucket
from support.http_server import Answer
from support.s3_server import request_kind

_PAGE_KEYS = 1000

# What is stored with an object, beside its content.
_STORED = re.compile(
    "content-type|cache-control|content-(disposition|encoding|language)|x-goog-meta-.+"
)


@dataclass(frozen=True)
class _Object:
    """An object with its content.

    Attributes:
        generation: differs between any two contents of a key: the microsecond of its making.
    """

    data: bytes
    generation: int
    stored: Mapping[str, str]

    @property
    def modified(self) -> datetime:
        return datetime.fromtimestamp(self.generation / 1e6, UTC)

    @property
    def headers(self) -> dict[str, str]:
        digest = hashlib.md5(self.data)
        return {
            "ETag": f'"{digest.hexdigest()}"',
            "Last-Modified": format_datetime(self.modified, usegmt=True),
            "x-goog-generation": str(self.generation),
            "x-goog-metageneration": "1",
            "x-goog-hash": f"md5={base64.b64encode(digest.digest()).decode()}",
            "x-goog-stored-content-length": str(len(self.data)),
        }


class Google:
    """The buckets of the server.

    Attributes:
        requests: how many there were of each kind, such as `LIST`, `PUT` or `PUT mark`.
    """

    def __init__(self) -> None:
        self.requests = Counter[str]()
        self.buckets: dict[str, dict[str, _Object]] = {}
        self._last_generation = 0
        self._lock = threading.Lock()

    def answer(self, method: str, target: str, headers: Mapping[str, str], data: bytes) -> Answer:
        """Answer one request after the other: conditions are of no use otherwise.

        Args:
            headers: with names in lower case.
        """
        with self._lock:
            self.requests[request_kind(method, target)] += 1
            place, _, query = target.partition("?")
            bucket, _, key = unquote(place).removeprefix("/").partition("/")
            objects = self.buckets.get(bucket)
            if objects is None:
                return _error(404, "NoSuchBucket", "The specified bucket does not exist.")
            if key:
                return self._answer_for(objects, method, key, headers, data)
            if method == "GET":
                return _listing(bucket, objects, dict(parse_qsl(query)))
            return _error(405, "MethodNotAllowed", "The method is not allowed.")

    def _answer_for(
        self,
        objects: dict[str, _Object],
        method: str,
        key: str,
        headers: Mapping[str, str],
        data: bytes,
    ) -> Answer:
        there = objects.get(key)
        generation = str(there.generation) if there else "0"
        if headers.get("x-goog-if-generation-match", generation) != generation:
            return _error(412, "PreconditionFailed", "A precondition does not hold.")
        if method == "PUT":
            self._last_generation = max(self._last_generation + 1, time.time_ns() // 1000)
            stored = {name: text for name, text in headers.items() if _STORED.fullmatch(name)}
            objects[key] = _Object(data, self._last_generation, stored)
            return Answer(200, objects[key].headers)
        if not there:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        if method == "DELETE":
            del objects[key]
            return Answer(204)
        return _content(there, headers.get("range", ""))


def _content(there: _Object, wanted: str) -> Answer:
    """The answer to a GET or a HEAD; `wanted` is a range, or ""."""
    headers = there.headers | dict(there.stored) | {"Accept-Ranges": "bytes"}
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if not found:
        return Answer(200, headers, there.data)
    size = len(there.data)
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        return _error(416, "InvalidRange", "The requested range cannot be satisfied.")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Answer(206, headers, there.data[start:end])


def _listing(bucket: str, objects: Mapping[str, _Object], query: Mapping[str, str]) -> Answer:
    """The answer to a GET of a bucket, of version 2."""
    if query.get("list-type") != "2":
        return _error(400, "InvalidArgument", "Only listings of version 2 are known here.")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    token = base64.urlsafe_b64decode(query.get("continuation-token", "")).decode()
    after = token or query.get("start-after", "")
    limit = min(int(query.get("max-keys", _PAGE_KEYS)), _PAGE_KEYS)
    entries: list[str] = []  # keys, and common prefixes, which are no keys
    is_truncated = False
    for key in sorted(objects):
        if key <= after or not key.startswith(prefix):
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        entry = key if end < 0 else key[: end + len(delimiter)]
        if entry in (token, *entries[-1:]):
            continue
        if len(entries) == limit:
            is_truncated = True
            break
        entries.append(entry)
    page = Element("ListBucketResult", xmlns="http://doc.s3.amazonaws.com/2006-03-01")
    encoded = quote_plus if query.get("encoding-type") == "url" else str
    if encoded is quote_plus:
        _add(page, EncodingType="url")
    _add(page, Name=bucket, Prefix=prefix, KeyCount=len(entries), MaxKeys=limit)
    _add(page, IsTruncated=str(is_truncated).lower())
    if is_truncated:
        _add(page, NextContinuationToken=base64.urlsafe_b64encode(entries[-1].encode()).decode())
    for entry in entries:
        if delimiter and entry.endswith(delimiter) and entry != prefix:
            _add(SubElement(page, "CommonPrefixes"), Prefix=encoded(entry))
            continue
        there = objects[entry]
        _add(
            SubElement(page, "Contents"),
            Key=encoded(entry),
            Generation=there.generation,
            MetaGeneration=1,
            LastModified=there.modified.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            ETag=there.headers["ETag"],
            Size=len(there.data),
        )
    return Answer(200, {"Content-Type": "application/xml; charset=UTF-8"}, tostring(page, "utf-8"))


def _error(status: int, code: str, message: str) -> Answer:
    error = Element("Error")
    _add(error, Code=code, Message=message)
    return Answer(
        status, {"Content-Type": "application/xml; charset=UTF-8"}, tostring(error, "utf-8")
    )


def _add(element: Element, **texts: object) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = str(text)


def hindrance() -> str:
    """Why it can't be run: it always can."""
    return ""


@contextmanager
def serving(folder: Path) -> Iterator[NewBucket]:
    """Run the server; it needs no folder, unlike the others."""
    google = Google()
    with http_server.running(google.answer) as endpoint:

        def new_bucket(name: str) -> Cloud:
            google.buckets[name] = {}
            return bucket_at(endpoint, name)

        yield new_bucket


def bucket_at(endpoint: str, name: str) -> Cloud:
    # Without the last three obstore asks Google for a token.
    account = {
        "gcs_base_url": endpoint,
        "disable_oauth": True,
        **dict.fromkeys(("client_email", "private_key", "private_key_id"), ""),
    }
    return Cloud(
        f"gs://{name}",
        endpoint,
        {"STORAGE_EMULATOR_HOST": endpoint},
        {"service_account_key": json.dumps(account)},
    )
