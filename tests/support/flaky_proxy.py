"""A server between the program and another one, which answers as a test wants it to."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from support.s3_server import request_kind


class Target(str):
    """The path of a request with its query; and its headers, for a mood that depends on them."""

    headers: Mapping[str, str]


# What is done to a request, by its method and path: one of `_ERRORS` or `_JSON_ERRORS`, `cut` (half
# of the answer), `reset` (the connection, without an answer), `hang` (none until the end) or
# `nonsense` (for an answer); "" is passed on.
Mood = Callable[[str, Target], str]

# Status, code and what else is in the error, as these services answer it.
_ERRORS = {
    "busy": (503, "SlowDown", ""),
    # It quotes what nobody should read.
    "denied": (
        403,
        "SignatureDoesNotMatch",
        "<AWSAccessKeyId>{authorization}</AWSAccessKeyId>"
        "<StringToSign>AWS4-HMAC-SHA256</StringToSign>",
    ),
    # Backblaze B2 to a PUT with a condition; others are passed on.
    "501": (501, "NotImplemented", ""),
    # S3 to a bucket's name at the wrong region.
    "301": (301, "PermanentRedirect", "<Endpoint>s3.eu-central-1.amazonaws.com</Endpoint>"),
    # S3 to a temporary key whose time is over.
    "expired": (400, "ExpiredToken", "<Token-0>{authorization}</Token-0>"),
    # S3 to a GET of what lies in Glacier.
    "archived": (403, "InvalidObjectState", "<StorageClass>GLACIER</StorageClass>"),
    # Azure to a signature that is over.
    "expired at azure": (
        403,
        "AuthenticationFailed",
        "<AuthenticationErrorDetail>{authorization}</AuthenticationErrorDetail>",
    ),
}

# The same of services that answer by JSON: status and content.
_JSON_ERRORS: dict[str, tuple[int, object]] = {
    "throttled queue of sqs": (
        400,
        {"__type": "com.amazonaws.sqs#RequestThrottled", "message": "no: {authorization}"},
    ),
    "expired at sqs": (
        403,
        {"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "{authorization}"},
    ),
    "expired at pubsub": (
        401,
        {"error": {"code": 401, "message": "{authorization}", "status": "UNAUTHENTICATED"}},
    ),
}


@contextmanager
def interfering(
    endpoint: str,
    mood: Mood,
    delay_s: float = 0,
    count: Counter[str] | None = None,
    tls: ssl.SSLContext | None = None,
    page_keys: int = 0,
) -> Iterator[str]:
    """Run the server; gives its own endpoint. At the end, whatever has been asked is answered, even
    if those who asked are dead: nothing happens at the other server later.

    Args:
        delay_s: what each answer takes longer.
        count: where to count the requests by their kinds, such as `LIST`, `PUT` or `PUT mark`.
        tls: the server's certificate, if it is to speak TLS.
        page_keys: how many keys a page of a listing has; 0 for as many as the other server gives.
    """
    where = urlsplit(endpoint)
    requests = Counter[str]() if count is None else count
    counting = threading.Lock()
    over = threading.Event()
    connections = set[socket.socket]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            connections.add(self.connection)

        def finish(self) -> None:
            connections.discard(self.connection)
            with suppress(OSError):
                super().finish()

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            with counting:
                requests[request_kind(self.command, self.path)] += 1
            time.sleep(delay_s)
            target = Target(self.path)
            target.headers = dict(self.headers)
            what = mood(self.command, target)
            if what == "hang":
                over.wait(600)
            is_conditional = "If-None-Match" in self.headers or "If-Match" in self.headers
            if what == "501" and not (self.command == "PUT" and is_conditional):
                what = ""
            if what == "reset":
                self.reset()
                return
            if what == "nonsense":
                self.answer(200, {}, b"<nonsense")
                return
            if what in _ERRORS:
                self.refuse(*_ERRORS[what])
                return
            if what in _JSON_ERRORS:
                self.refuse_by_json(*_JSON_ERRORS[what])
                return
            server = http.client.HTTPConnection(where.netloc)
            few = f"&max-keys={page_keys}" if page_keys and "list-type" in target else ""
            server.request(self.command, self.path + few, sent, dict(self.headers))
            answer = server.getresponse()
            data = answer.read()
            self.answer(answer.status, dict(answer.getheaders()), data, cut=what == "cut")
            server.close()

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any  # noqa: N815

        def reset(self) -> None:
            at_once = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            os.close(self.connection.detach())
            self.close_connection = True

        def refuse(self, status: int, code: str, more: str) -> None:
            said = more.format(authorization=self.headers.get("Authorization"))
            xml = f"<Error><Code>{code}</Code><Message>no</Message>{said}</Error>"
            headers = {"Content-Type": "application/xml"}
            if status == 301:  # without a Location: it is for the client to find the region
                headers["x-amz-bucket-region"] = "eu-central-1"
            data = f'<?xml version="1.0" encoding="UTF-8"?>{xml}'.encode()
            self.answer(status, headers, b"" if self.command == "HEAD" else data)

        def refuse_by_json(self, status: int, said: object) -> None:
            quoted = str(self.headers.get("Authorization"))
            data = json.dumps(said).replace("{authorization}", quoted).encode()
            self.answer(status, {"Content-Type": "application/json"}, data)

        def answer(
            self, code: int, headers: dict[str, str], data: bytes, *, cut: bool = False
        ) -> None:
            self.send_response(code)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            length = headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # so that they are waited for

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # whoever asked has gone, as some tests want

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            scheme = "https" if tls else "http"
            yield f"{scheme}://127.0.0.1:{server.server_address[1]}{where.path}"
        finally:
            over.set()
            server.shutdown()
            for connection in list(connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)  # what has come is still read
