"""Queues of Azurite."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from support.az_server import ACCOUNT, KEY, ask, hindrance, running
from support.cloud_queue import CloudQueue, NewQueue
from support.notices import encoded, event_grid_event

__all__ = ["hindrance", "serving", "signature"]


@contextmanager
def serving(folder: Path) -> Iterator[NewQueue]:
    """Run the server."""
    with running(folder, "queue") as port:
        yield lambda name: _new_queue(f"http://127.0.0.1:{port}/{ACCOUNT}", name)


def _new_queue(endpoint: str, name: str) -> CloudQueue:
    ask(endpoint, f"/{name}", b"")

    def put(body: str) -> None:
        xml = f"<QueueMessage><MessageText>{escape(body)}</MessageText></QueueMessage>"
        ask(endpoint, f"/{name}/messages", xml.encode(), method="POST")

    return CloudQueue(
        f"{endpoint}/{name}",
        "az://uploads",
        {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY},
        put,
        lambda key: put(encoded(event_grid_event("BlobCreated", key))),
        (KEY,),
    )


def signature(minutes: float) -> str:
    """A shared access signature for all queues that is good for so long (Microsoft, "Create an
    account SAS")."""
    end = datetime.now(UTC) + timedelta(minutes=minutes)
    said = {
        "sp": "rwdlacup",
        "ss": "q",
        "srt": "sco",
        "st": "",
        "se": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sip": "",
        "spr": "https,http",
        "sv": "2021-12-02",
        "ses": "",
    }
    signed = "\n".join([ACCOUNT, *said.values(), ""])
    digest = hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)
    given = {name: value for name, value in said.items() if value}
    return urlencode(given | {"sig": base64.b64encode(digest).decode()})
