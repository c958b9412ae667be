"""An HTTP server on this machine, for stand-ins of services."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str] = {}
    data: bytes = b""


# Answers a request, by its method, target, headers with names in lower case, and content.
AnswerRequest = Callable[[str, str, Mapping[str, str], bytes], Answer]


@contextmanager
def running(answer: AnswerRequest) -> Iterator[str]:
    """Run a server; gives its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and content of an answer in one packet: two take 40 ms

        def handle_any(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): text for name, text in self.headers.items()}
            answered = answer(self.command, self.path, headers, data)
            self.send_response(answered.status)
            for name, text in answered.headers.items():
                self.send_header(name, text)
            if answered.status != 204:
                self.send_header("Content-Length", str(len(answered.data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answered.data)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # as many connections at once as a run may open

        def handle_error(self, request: object, client_address: object) -> None:
            if not isinstance(sys.exception(), ConnectionError):  # whoever asked has gone
                super().handle_error(request, client_address)  # type: ignore[arg-type]

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
