"""A server between the program and another one, which answers as a test wants it to."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What is done to a request, by its method and path: `busy` (503), `denied` (403 that quotes what
# nobody should read), `cut` (half of the answer), `hang` (none until the end); "" is passed on.
Mood = Callable[[str, str], str]

_ERROR = (
    '<?xml version="1.0"?><Error><Code>{}</Code><Message>no</Message>'
    "<AWSAccessKeyId>{}</AWSAccessKeyId><StringToSign>{}</StringToSign></Error>"
)


@contextmanager
def interfering(endpoint: str, mood: Mood, delay_s: float = 0) -> Iterator[str]:
    """Run the server; gives its own endpoint. At the end, whatever has been asked is answered, even
    if those who asked are dead: nothing happens at the other server later.

    Args:
        delay_s: what each answer takes longer.
    """
    host = endpoint.removeprefix("http://")
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
            time.sleep(delay_s)
            what = mood(self.command, self.path)
            if what == "hang":
                over.wait(600)
            if what in ("busy", "denied"):
                code, word = (503, "SlowDown") if what == "busy" else (403, "SignatureDoesNotMatch")
                said = _ERROR.format(word, self.headers.get("Authorization"), "AWS4-HMAC-SHA256")
                self.answer(code, {}, said.encode())
                return
            server = http.client.HTTPConnection(host)
            server.request(self.command, self.path, sent, dict(self.headers))
            answer = server.getresponse()
            data = answer.read()
            self.answer(answer.status, dict(answer.getheaders()), data, cut=what == "cut")
            server.close()

        do_GET = do_PUT = do_HEAD = do_DELETE = handle_any  # noqa: N815

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
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            over.set()
            server.shutdown()
            for connection in list(connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)  # what has come is still read
