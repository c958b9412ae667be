"""Watch the head of a Ray cluster from a background thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from thumbnailer.cluster.connect import is_listening

# How often the head is asked.
_ASK_SECONDS = 2.0


class Head:
    """The head of a cluster, which a background thread asks every two seconds for its nodes.

    No other thread asks it: a call to a head that is gone, or hangs, does not return.

    Args:
        address: where it listens, HOST:PORT.
        ask: returns what Ray tells of each node, or raises an exception.

    Attributes:
        address: where it listens.
        nodes: what Ray tells of the nodes that have processors; empty before the first answer.
        cpus: how many processors they have.
    """

    def __init__(self, address: str, ask: Callable[[], list[dict[str, Any]]]) -> None:
        self.address, self.nodes, self.cpus = address, list[dict[str, Any]](), 0
        self._ask, self._silent_since = ask, 0.0
        self._has_answered, self._closed = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def silent_seconds(self) -> float:
        """How long it has been asked in vain; 0 if it has answered, and was not asked since.

        So a program that was itself stopped for a while finds no head silent.
        """
        since = self._silent_since
        return time.monotonic() - since if since else 0.0

    def has_answered(self, timeout_s: float) -> bool:
        """Return whether there was an answer; wait up to `timeout_s` seconds for the first."""
        return self._has_answered.wait(timeout_s)

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.is_set():
            self._silent_since = self._silent_since or time.monotonic()
            # Ray itself would wait for a minute for a head that is gone, and then end the process.
            if is_listening(self.address):
                with suppress(Exception):
                    nodes = self._ask()
                    self.nodes = [n for n in nodes if n["Alive"] and n["Resources"].get("CPU")]
                    self.cpus = sum(int(node["Resources"]["CPU"]) for node in self.nodes)
                    self._silent_since = 0.0
                    self._has_answered.set()
            self._closed.wait(_ASK_SECONDS)
