"""A server between the program and another one on this machine, which answers later, and counts.

    python delaying_proxy.py PORT UPSTREAM_PORT MILLISECONDS

It takes little time of its own, so that many requests may wait at once. A GET of `/count` gives how
many there were of each kind since the last such GET, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import suppress

from support.s3_server import request_kind


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read the head of a request or an answer, and what follows it."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n")[1:])
    fields = {name.strip(): value.strip() for name, _, value in lines}
    if fields.get(b"transfer-encoding") != b"chunked":
        return head, await _exactly(reader, head, int(fields.get(b"content-length", b"0")))
    parts: list[bytes] = []
    while not parts or parts[-1] != b"0\r\n\r\n":
        line = await reader.readuntil(b"\r\n")
        parts.append(line + await reader.readexactly(int(line.split(b";")[0], 16) + 2))
    return head, b"".join(parts)


async def _exactly(reader: asyncio.StreamReader, head: bytes, length: int) -> bytes:
    has_none = head.startswith((b"HTTP/1.1 204", b"HTTP/1.1 304"))
    return b"" if has_none else await reader.readexactly(length)


class _Proxy:
    def __init__(self, upstream: int, seconds: float) -> None:
        self._upstream, self._seconds, self._count = upstream, seconds, Counter[str]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = None
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head, body = await _message(reader)
                method, target, _ = head.decode("latin-1").split(" ", 2)
                if target == "/count":
                    said = json.dumps(self._count).encode()
                    self._count.clear()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said))
                    writer.write(said)
                    continue
                self._count[request_kind(method, target)] += 1
                await asyncio.sleep(self._seconds)
                there = there or await asyncio.open_connection(
                    "127.0.0.1", self._upstream, limit=1 << 24
                )
                there[1].write(head + body)
                if method == "HEAD":
                    writer.write(await there[0].readuntil(b"\r\n\r\n"))
                else:
                    writer.write(b"".join(await _message(there[0])))
                await writer.drain()
        writer.close()
        if there:
            there[1].close()


async def _main(port: int, upstream: int, milliseconds: float) -> None:
    proxy = _Proxy(upstream, milliseconds / 1000)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", port, backlog=1000, limit=1 << 24)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
