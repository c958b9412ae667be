"""The health file of a watch, for monitoring, and what it tells of the watch.

It is JSON or, if its name ends with `.prom`, metrics for Prometheus. These begin with the same JSON
in a comment, so that both tell whether the watch is alive.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import thumbnailer
from thumbnailer.disk import files, new_files
from thumbnailer.errors import ConfigError, shortened
from thumbnailer.model import Folder
from thumbnailer.watcher.health.metrics import metrics
from thumbnailer.watcher.health.state import STOPPED, Health

# The file is written once a second at least, so one that is so old is of a watch that hangs.
STALE_AFTER_SECONDS = 15.0

# How the name of a file of metrics ends, and what makes its first line a comment.
_METRICS, _COMMENT = ".prom", "# "

# More than a health file can hold.
_MOST_BYTES = 1 << 20

# What reading something else than an object of JSON may raise.
_NOT_JSON = (ValueError, RecursionError, AttributeError)

# Keys that every health file has.
_KEYS = frozenset({"counts", "updated"})


def write_health(path: str, health: Health) -> None:
    """Replace the health file atomically, so that a reader never sees half of it.

    A link at `path` is replaced, not followed. Times are written as ISO 8601 in UTC. Besides the
    state it says whose it is, and after how many seconds `updated` is too old.

    Raises:
        OSError: the file can't be written; the earlier file stays.
    """
    updated = datetime.now(UTC).timestamp() if health.updated is None else health.updated
    error = health.tally.last_error
    state = {
        "counts": health.tally.counts,
        "backlog": health.backlog,
        "oldest_pending_seconds": health.oldest_pending_seconds,
        "last_rescan": _iso(health.last_rescan),
        "mode": health.mode,
        "last_error": error.message if error else None,
        "status": health.status,
        "started": _iso(health.started),
        "updated": _iso(updated),
        "stale_after_seconds": STALE_AFTER_SECONDS,
        "pid": os.getpid(),
        "host": _host(),
        "version": thumbnailer.__version__,
    }
    folder, name = os.path.split(path)
    text = f"{json.dumps(state)}\n"  # of one line, in ASCII
    if name.endswith(_METRICS):
        text = _COMMENT + text + metrics(health, updated, name.removesuffix(_METRICS))
    with files.open_folder(Folder(folder, "")) as opened:
        new_files.replace(opened, name, text.encode())


def check_health_path(path: str) -> None:
    """Check that nothing but a health file would be replaced.

    Raises:
        ConfigError: there is a file that is something else.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return  # a link is replaced; a folder or device can't be
        content = _read(path)
    except OSError:
        return  # there is none, or writing it will tell
    with suppress(*_NOT_JSON):
        if not content or _state(content).keys() >= _KEYS:
            return
    raise ConfigError(f"--health {shortened(path)}: is no health file, so it is not replaced")


def judge_health(path: str) -> tuple[bool, str]:
    """Return whether the watch of a health file is alive, and what is to be said of it."""
    try:
        state = _state(_read(path))
        age = datetime.now(UTC).timestamp() - datetime.fromisoformat(state["updated"]).timestamp()
        stale_after = float(state["stale_after_seconds"])
        status, made, failed = state["status"], state["counts"]["made"], state["counts"]["failed"]
        pid, host, backlog = int(state["pid"]), state["host"], state["backlog"]
    except OSError as error:
        return False, f"can't be read: {error.strerror or error}"
    except (*_NOT_JSON, TypeError, KeyError, OverflowError):
        return False, "is no health file of this version"
    words = f"{status}; {made} made, {failed} failed, {backlog} waiting"
    if status == STOPPED:
        return False, "the watch was stopped"
    if host == _host() and not _is_running(pid):
        return False, f"the watch has died: there is no process {pid}"
    if age >= stale_after:
        return False, f"no sign of life for {age:.0f} s: {words}"
    if age <= -stale_after:
        return False, f"its time is {-age:.0f} s ahead: {words}"
    return True, words


def _read(path: str) -> bytes:
    with files.open_source(path) as file:  # nobody waits for a pipe
        return file.read(_MOST_BYTES)


def _state(content: bytes) -> Any:
    """Return the JSON of a health file, or that in the first line of metrics."""
    comment = _COMMENT.encode()
    if content.startswith(comment):
        content = content.partition(b"\n")[0].removeprefix(comment)
    return json.loads(content)


def _host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def _is_running(pid: int) -> bool:
    if os.name != "posix":
        return True  # where signal 0 ends a process
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # of another user
        pass
    return True


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
