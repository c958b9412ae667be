"""A server that answers like S3 (moto's), with a log of what it was asked."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from support.pictures import tree
from support.waiting import eventually
from thumbnailer import Outcome, iter_thumbnails

# Nobody's; they may be found nowhere in what the program says.
KEY_ID, SECRET = "AKIADUMMYOFTHETESTS1", "s3cretOfTheTests/neverToBeSeen+0123456789"

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}

_REQUEST = re.compile(r'"(?:\x1b\[[0-9;]*m)*([A-Z]+) (\S+) HTTP')


@dataclass(frozen=True)
class Storage:
    """A bucket on the server.

    Attributes:
        client: boto3's.
    """

    endpoint: str
    name: str
    client: Any
    log: Path

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def get(self, key: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return data

    def head(self, key: str) -> dict[str, Any]:
        head: dict[str, Any] = self.client.head_object(Bucket=self.name, Key=key)
        return head

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys below a prefix, but for what the program remembers there."""
        return [key for key in self._keys(prefix) if "/.thumbnailer" not in f"/{key}"]

    def all_keys(self, prefix: str = "") -> list[str]:
        """The keys below a prefix, with what the program remembers there."""
        return self._keys(prefix)

    def marks(self, prefix: str) -> list[str]:
        """What marks the folders of thumbnails."""
        return [key for key in self._keys(prefix) if "/.thumbnailer-looks/" in f"/{key}"]

    def records(self, prefix: str) -> list[str]:
        """What the program remembers of attempts."""
        return [key for key in self._keys(prefix) if "/.thumbnailer-attempts/" in f"/{key}"]

    def _keys(self, prefix: str) -> list[str]:
        listed = self.client.get_paginator("list_objects_v2")
        pages = listed.paginate(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """What is asked of this bucket meanwhile, such as `GET`, `PUT` or `LIST`; `GET mark` and
        the like for what the program remembers."""
        start = self.log.stat().st_size
        count = Counter[str]()
        yield count
        with self.log.open() as file:
            file.seek(start)
            for method, target in _REQUEST.findall(file.read()):
                path = urllib.parse.unquote(target.partition("?")[0])
                if path.split("/")[1] == self.name:
                    count[request_kind(method, target)] += 1


def request_kind(method: str, target: str) -> str:
    """The kind of a request to S3, Google or Azure, such as `LIST`, `PUT` or `PUT mark`."""
    place, _, query = target.partition("?")
    path = urllib.parse.unquote(place)
    if "list-type" in query or "comp=list" in query:
        return "LIST"
    if "uploads" in query or "partNumber" in query or "comp=block" in query:
        return "multipart"
    if "/.thumbnailer-looks/" in path or path.endswith("/.thumbnailer"):
        return f"{method} mark"
    return f"{method} record" if "/.thumbnailer-attempts/" in path else method


@contextmanager
def serving(folder: Path, host: str = "127.0.0.1") -> Iterator[tuple[str, Path]]:
    """Run the server; gives its endpoint and its log."""
    port = free_port(host)
    log = folder / "server.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)],
            stdout=file,
            stderr=file,
        )
    try:
        eventually(lambda: answers(host, port), 60)
        yield f"http://{host}:{port}", log
    finally:
        server.kill()
        server.wait()


def free_port(host: str) -> int:
    with closing(socket.socket()) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(host: str, port: int) -> bool:
    """Whether a server listens there."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex((host, port)) == 0


class _Bucket(Protocol):
    def put(self, key: str, data: bytes) -> None: ...


def photos_in(storage: _Bucket, tmp_path: Path, *names: str) -> None:
    """Put a picture under each of some keys."""
    tree(tmp_path / "pictures", *names)
    for name in names:
        storage.put(name, (tmp_path / "pictures" / name).read_bytes())


def outcomes(source: str | Path, output: str | Path, **overrides: Any) -> dict[str, Outcome]:
    """What becomes of each picture, by its name."""
    found = iter_thumbnails(source, output=output, **overrides)
    return {os.path.basename(outcome.source.path): outcome for outcome in found}


def statuses(source: str | Path, output: str | Path, **overrides: Any) -> dict[str, str]:
    found = outcomes(source, output, **overrides)
    return {name: outcome.status for name, outcome in found.items()}


def statuses_by_path(source: str | Path, output: str | Path, **overrides: Any) -> dict[str, str]:
    """What becomes of each picture, by its whole path or URL."""
    found = iter_thumbnails(source, output=output, **overrides)
    return {outcome.source.path: outcome.status for outcome in found}


def settled() -> None:
    """Wait until what is put from now on is younger than all there is."""
    time.sleep(1.05 - time.time() % 1)
