"""Settings of other libraries of which a process has one, while threads want different ones."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class ProcessWide:
    """A variable of another library's module, set by one thread at a time.

    Other users of the library see the value meanwhile. A process that is forked meanwhile has the
    value of before, and may set its own.

    Args:
        name: of the variable.
    """

    def __init__(self, name: str) -> None:
        self._name, self._lock = name, threading.Lock()
        self._before: tuple[ModuleType, Any] | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    @contextmanager
    def set_to(self, value: Any, module: ModuleType) -> Iterator[None]:
        """Have the variable of a module be so inside the block."""
        with self._lock:
            self._before = module, getattr(module, self._name)
            setattr(module, self._name, value)
            try:
                yield
            finally:
                self._restore()

    def _restore(self) -> None:
        if self._before:
            module, value = self._before
            self._before = None
            setattr(module, self._name, value)

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._restore()
