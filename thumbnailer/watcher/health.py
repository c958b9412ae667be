"""The health file of a watch: a small JSON file for monitoring, and what it tells of the watch."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import thumbnailer
from thumbnailer.disk import files, new_files
from thumbnailer.errors import ConfigError, shortened
from thumbnailer.model import Folder

STARTING, WORKING, IDLE, STOPPED = "starting", "working", "idle", "stopped"

# The file is written once a second at least, so one that is so old is of a watch that hangs.
STALE_AFTER_SECONDS = 15.0

# More than a health file can hold.
_MOST_BYTES = 1 << 20

# What reading something else than an object of JSON may raise.
_NOT_JSON = (ValueError, RecursionError, AttributeError)

# Keys that every health file has.
_KEYS = frozenset({"counts", "updated"})


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a watch, as the health file shows it.

    Attributes:
        counts: pictures since the start, by status: `made`, `skipped`, `failed` and `removed`.
        backlog: number of pictures that are known to have changed and are not done.
        oldest_pending_seconds: how long the oldest of those has been waiting; 0 if none is.
        last_rescan: when all folders were last read, seconds since the epoch; None if never.
        mode: how changes are noticed: `inotify`, `native` or `polling`; where something is in a
            bucket, `listing` or `queue`.
        last_error: the message of the last error; None if there was none.
        status: `starting`, `working`, `idle`, `stopped`, or `waiting for` something.
        started: when the watch was started, seconds since the epoch; a reload starts none.
        updated: when the watch last went on, seconds since the epoch; None for now.
    """

    counts: Mapping[str, int]
    backlog: int
    oldest_pending_seconds: float
    last_rescan: float | None
    mode: str
    last_error: str | None = None
    status: str = STARTING
    started: float | None = None
    updated: float | None = None


def write_health(path: str, health: Health) -> None:
    """Replace the health file atomically, so that a reader never sees half of it.

    A link at `path` is replaced, not followed. Times are written as ISO 8601 in UTC. Besides the
    state it says whose it is, and after how many seconds `updated` is too old.

    Raises:
        OSError: the file can't be written; the earlier file stays.
    """
    now = datetime.now(UTC).timestamp()
    state = asdict(health) | {
        "last_rescan": _iso(health.last_rescan),
        "started": _iso(health.started),
        "updated": _iso(now if health.updated is None else health.updated),
        "stale_after_seconds": STALE_AFTER_SECONDS,
        "pid": os.getpid(),
        "host": _host(),
        "version": thumbnailer.__version__,
    }
    folder, name = os.path.split(path)
    with files.open_folder(Folder(folder, "")) as opened:
        new_files.replace(opened, name, json.dumps(state).encode("ascii") + b"\n")


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
        if not content or json.loads(content).keys() >= _KEYS:
            return
    raise ConfigError(f"--health {shortened(path)}: is no health file, so it is not replaced")


def judge_health(path: str) -> tuple[bool, str]:
    """Return whether the watch of a health file is alive, and what is to be said of it."""
    try:
        state = json.loads(_read(path))
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
