"""The health file of a watch: a small JSON file for monitoring."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from thumbnailer.disk import files, new_files
from thumbnailer.model import Folder


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a watch, as the health file shows it.

    Attributes:
        counts: pictures since the start, by status: `made`, `skipped`, `failed` and `removed`.
        backlog: number of pictures that are known to have changed and are not done.
        oldest_pending_seconds: how long the oldest of those has been waiting; 0 if none is.
        last_rescan: when all folders were last read, seconds since the epoch; None if never.
        mode: how changes are noticed: `inotify`, `native` or `polling`.
        last_error: the message of the last error; None if there was none.
    """

    counts: Mapping[str, int]
    backlog: int
    oldest_pending_seconds: float
    last_rescan: float | None
    mode: str
    last_error: str | None = None


def write_health(path: str, health: Health) -> None:
    """Replace the health file atomically, so that a reader never sees half of it.

    A link at `path` is replaced, not followed. Times are written as ISO 8601 in UTC. `updated` is
    the time of writing: an old one shows that the process has ended or hangs.

    Raises:
        OSError: the file can't be written; the earlier file stays.
    """
    now = datetime.now(UTC).timestamp()
    state = asdict(health) | {"last_rescan": _iso(health.last_rescan), "updated": _iso(now)}
    folder, name = os.path.split(path)
    with files.open_folder(Folder(folder, "")) as opened:
        new_files.replace(opened, name, json.dumps(state).encode("ascii") + b"\n")


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
