"""The table `[watch]` of a `config.toml`: the options of `watch`, which other commands ignore."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from thumbnailer.config.checks import Check, check_key, flag, seconds
from thumbnailer.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTable:
    """The options of `watch` that a `config.toml` can hold, as the options of these names.

    Each is None if nobody has said anything.
    """

    settle: float | None = None
    rescan: float | None = None
    poll: float | None = None
    keep_orphans: bool | None = None
    gallery: bool | None = None
    health: str | None = None


WATCH_CHECKS: dict[str, Check] = {
    "settle": seconds,
    "rescan": seconds,
    "poll": seconds,
    "keep_orphans": flag,
    "gallery": flag,
    "health": Check("the path of a file", lambda value: isinstance(value, str) and value),
}

# An example for whoever starts a file: a table without keys would say nothing.
EXAMPLE = """\
# What only the command watch heeds; its options override this.
# [watch]
# settle = 1.0  # seconds until an open file that does not change is taken
# rescan = 60.0  # seconds from one rescan of all folders to the next
# poll = 5.0  # seconds from one look at all files to the next; left out: where no events come
# keep_orphans = false  # whether thumbnails stay whose source is gone
# gallery = false  # whether a page of the thumbnails is kept, too
# health = "/run/thumbnailer/health.json"  # a file that tells how the watch is doing
"""


def checked_watch_table(value: object, said: Callable[[str, object], str]) -> WatchTable:
    """Return the table, checked.

    Args:
        said: returns where a key with its value stands, for error messages.

    Raises:
        ConfigError: it is no table, or has an unknown key or an impossible value.
    """
    if not isinstance(value, Mapping):
        names = ", ".join(WATCH_CHECKS)
        raise ConfigError(f"{said('watch', value)}: must be a table of {names}")
    checked: dict[str, Any] = {}
    for key, one in value.items():
        words = said(key, one)
        check_key(key, WATCH_CHECKS, words)
        checked[key] = WATCH_CHECKS[key].checked(one, words)
    return WatchTable(**checked)
