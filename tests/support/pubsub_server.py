"""A server that answers like Google's Pub/Sub, as far as the program and its tests ask.

It is not Google's, whose emulator needs Java. It is written after Google's documentation ("REST
Resource: projects.subscriptions"): where that is silent, or where Google's servers do otherwise, it
may be wrong. It gives tokens, too: as the metadata server of a virtual machine does ("View and
query VM metadata"), and to a user who has logged in ("Using OAuth 2.0 for Web Server
Applications").
"""

from __future__ import annotations

import json
import re
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from support import http_server
from support.cloud_queue import CloudQueue, NewQueue
from support.http_server import Answer
from support.notices import google_attributes

# How long a pull waits for a message.
_PULL_SECONDS = 1.0

_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"

_METHOD = re.compile(
    "/v1/(projects/[^/]+/subscriptions/[^/]+):(pull|acknowledge|modifyAckDeadline)"
)


@dataclass
class _Message:
    """A message, which can be had from some time on, under the id of its last delivery."""

    said: dict[str, Any]
    due: float = 0.0
    ack_id: str = ""


@dataclass
class PubSub:
    """The subscriptions of the server.

    Attributes:
        subscriptions: their messages, by `projects/.../subscriptions/...`.
        deadline_seconds: how long a message is hidden at first.
        token: what requests must bear; "" if they need none.
        given: the tokens that were given, to be used from then on.
        token_seconds: how long they are good for.
        refresh_token: by which a user gets one.
    """

    subscriptions: dict[str, list[_Message]] = field(default_factory=dict)
    deadline_seconds: float = 10.0
    token: str = ""
    given: list[str] = field(default_factory=list)
    token_seconds: int = 3599
    refresh_token: str = ""
    _ids: Iterator[int] = field(default_factory=count)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def publish(self, subscription: str, attributes: Mapping[str, str], data: bytes) -> None:
        with self._changed:
            said = {
                "attributes": dict(attributes),
                "data": b64encode(data).decode(),
                "messageId": str(next(self._ids)),
                "publishTime": "2026-11-30T01:02:03.456Z",
            }
            self.subscriptions[subscription].append(_Message(said))
            self._changed.notify_all()

    def answer(self, path: str, headers: Mapping[str, str], data: bytes) -> tuple[int, object]:
        """The status and the JSON with which a request is answered."""
        if path == _METADATA_PATH:
            is_asked_right = headers.get("metadata-flavor") == "Google"
            return self._new_token() if is_asked_right else _error(403, "PERMISSION_DENIED")
        if path == "/token":
            form = dict(parse_qsl(data.decode()))
            wanted = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
            is_known = bool(self.refresh_token) and wanted.items() <= form.items()
            return self._new_token() if is_known else (400, {"error": "invalid_grant"})
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "UNAUTHENTICATED")
        found = _METHOD.fullmatch(path)
        if not found:
            return _error(404, "NOT_FOUND")
        with self._changed:
            messages = self.subscriptions.get(found[1])
            if messages is None:
                return _error(404, "NOT_FOUND")
            said = json.loads(data)
            if found[2] == "pull":
                return 200, self._pull(messages, said["maxMessages"])
            ids = said["ackIds"]
            if found[2] == "acknowledge":
                messages[:] = [message for message in messages if message.ack_id not in ids]
            else:
                for message in messages:
                    if message.ack_id in ids:
                        message.due = time.monotonic() + said["ackDeadlineSeconds"]
            return 200, {}

    def _pull(self, messages: list[_Message], most: int) -> object:
        end = time.monotonic() + _PULL_SECONDS
        while (now := time.monotonic()) < end:
            if ready := [message for message in messages if message.due <= now][:most]:
                for message in ready:
                    message.due = now + self.deadline_seconds
                    message.ack_id = f"ack-{next(self._ids)}"
                return {
                    "receivedMessages": [
                        {"ackId": message.ack_id, "message": message.said} for message in ready
                    ]
                }
            self._changed.wait(0.05)
        return {}

    def _new_token(self) -> tuple[int, object]:
        self.token = f"ya29.token-{next(self._ids)}"
        self.given.append(self.token)
        said = {"access_token": self.token, "expires_in": self.token_seconds}
        return 200, said | {"token_type": "Bearer"}


def _error(code: int, status: str) -> tuple[int, object]:
    return code, {"error": {"code": code, "message": f"no: {status}", "status": status}}


def hindrance() -> str:
    """Why it can't be run: it always can."""
    return ""


@contextmanager
def running(pubsub: PubSub) -> Iterator[str]:
    """Run the server; gives its endpoint."""

    def answer(method: str, target: str, headers: Mapping[str, str], data: bytes) -> Answer:
        status, said = pubsub.answer(target, headers, data)
        content_type = {"Content-Type": "application/json; charset=UTF-8"}
        return Answer(status, content_type, json.dumps(said).encode())

    with http_server.running(answer) as endpoint:
        yield endpoint


@contextmanager
def serving(folder: Path) -> Iterator[NewQueue]:
    """Run the server; it needs no folder, unlike the others."""
    pubsub = PubSub()
    with running(pubsub) as endpoint:
        yield lambda name: subscription_at(endpoint, pubsub, name)


def subscription_at(endpoint: str, pubsub: PubSub, name: str) -> CloudQueue:
    subscription = f"projects/tests/subscriptions/{name}"
    pubsub.subscriptions[subscription] = []
    url = f"{endpoint}/v1/{subscription}"
    return CloudQueue(
        url,
        "gs://uploads",
        {},
        lambda body: pubsub.publish(subscription, {}, body.encode()),
        lambda key: pubsub.publish(subscription, google_attributes("OBJECT_FINALIZE", key), b"{}"),
        (),
    )
