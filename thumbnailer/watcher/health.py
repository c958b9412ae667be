"""What a watch says of itself to whoever monitors it: one small file of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from thumbnailer.model import Folder
from thumbnailer.thumbs import files


@dataclass(frozen=True, slots=True)
class Health:
    """How a watch is doing.

    Attributes:
        counts: pictures since the start, such as `found`, `made`, `failed` and `removed`.
        backlog: pictures that are known to have changed and are not done.
        oldest_pending_seconds: how long the first of those has been waiting.
        last_rescan: when all folders were last read, seconds since the epoch; None if never.
        mode: how changes are noticed, such as `inotify` or `polling`.
        last_error: the last thing that went wrong, in words; None if nothing did.
    """

    counts: Mapping[str, int]
    backlog: int
    oldest_pending_seconds: float
    last_rescan: float | None
    mode: str
    last_error: str | None = None


def write_health(path: str, health: Health) -> None:
    """Replace the file at once and whole, so that a reader never sees half of it.

    A link at `path` is replaced, not followed. Times are written as ISO 8601 in UTC, with the time
    of writing as `updated`: a watch that hangs shows by an old one.

    Raises:
        OSError: the file can't be written; what was there before stands.
    """
    now = datetime.now(UTC).timestamp()
    state = asdict(health) | {"last_rescan": _iso(health.last_rescan), "updated": _iso(now)}
    folder, name = os.path.split(path)
    with files.open_folder(Folder(folder, "")) as opened:
        files.replace(opened, name, json.dumps(state).encode("ascii") + b"\n")


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
