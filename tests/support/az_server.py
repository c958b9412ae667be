"""Azurite, Microsoft's own stand-in for Azure's storage: `npm install azurite` brings it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

from support.cloud import Cloud, NewBucket
from support.s3_server import answers, free_port
from support.waiting import eventually

# Of every Azurite, and published by Microsoft.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def hindrance() -> str:
    """Why it can't be run; "" if it can."""
    programs = "azurite-blob", "azurite-queue"
    return "" if all(map(shutil.which, programs)) else "there is no Azurite"


@contextmanager
def serving(folder: Path) -> Iterator[NewBucket]:
    """Run the server."""
    with running(folder, "blob") as port:
        yield lambda name: _container(port, name)


@contextmanager
def running(folder: Path, service: str) -> Iterator[int]:
    """Run the server of one service, `blob` or `queue`; gives its port."""
    port = free_port("127.0.0.1")
    command = [
        *(f"azurite-{service}", "--silent", "--disableTelemetry", "--inMemoryPersistence"),
        *("--skipApiVersionCheck", f"--{service}Host", "127.0.0.1"),
        *(f"--{service}Port", str(port)),
    ]
    with (folder / "server.log").open("w") as file:
        server = subprocess.Popen(command, cwd=folder, stdout=file, stderr=file)
    try:
        eventually(lambda: answers("127.0.0.1", port), 60)
        yield port
    finally:
        server.kill()
        server.wait()


def _container(port: int, name: str) -> Cloud:
    _create(port, name)
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    return Cloud(
        f"az://{name}",
        endpoint,
        {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY},
        {"account_name": ACCOUNT, "account_key": KEY, "endpoint": endpoint},
        {"endpoint": endpoint},
    )


def _create(port: int, name: str) -> None:
    """Create a container, which obstore can't."""
    ask(f"http://127.0.0.1:{port}/{ACCOUNT}", f"/{name}?restype=container", b"")


def ask(endpoint: str, target: str, data: bytes, *, method: str = "PUT", **headers: str) -> None:
    """Send one request, signed as Microsoft describes under "Authorize with Shared Key".

    Args:
        target: the quoted path below the endpoint, with its query.
        headers: those of Azure's own, with underscores for hyphens.
    """
    place, _, query = target.partition("?")
    base = urlsplit(endpoint)
    own = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    own |= {name.replace("_", "-"): value for name, value in headers.items()}
    signed = [
        *(method, "", "", str(len(data) or "")),
        *[""] * 8,  # the other standard headers, all of them absent
        *(f"{header}:{value}" for header, value in sorted(own.items())),
        f"/{ACCOUNT}{base.path}{place}",
        *(part.replace("=", ":") for part in query.split("&") if part),
    ]
    digest = hmac.digest(base64.b64decode(KEY), "\n".join(signed).encode(), hashlib.sha256)
    own["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    connection = http.client.HTTPConnection(base.netloc)
    connection.request(method, f"{base.path}{target}", data, headers=own)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != 201:
        raise OSError(said)
