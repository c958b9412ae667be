"""Entry point of a cluster task on its node: check versions, then call a function.

Both sides unpickle what the other sends: the members of a cluster trust each other.
"""

from __future__ import annotations

import pickle
import socket
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from platform import python_version

from thumbnailer.errors import WorkerError
from thumbnailer.formats import installed_extras


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a run was started.

    Attributes:
        cwd: the working directory, which relative paths start from.
        environment: the variables that lead to its buckets, without any secret.
    """

    cwd: str
    environment: dict[str, str]


def run_remote_task(name: str, caller_versions: str, pickled_args: bytes) -> bytes:
    """Call a function on this node, if its software versions are those of the caller.

    Args:
        name: the function, as `module:name`.
        caller_versions: the caller's `node_versions()`.
        pickled_args: the arguments, as a pickled tuple.

    Returns:
        A pickled tuple: why this node can't do it, in words, or ""; and the function's result.
    """
    reason, result, ours = "", None, node_versions()
    if ours != caller_versions:
        reason = f"has {ours}; this run needs {caller_versions}"
    else:
        module, _, function = name.partition(":")
        try:
            result = getattr(import_module(module), function)(*pickle.loads(pickled_args))
        except WorkerError as error:
            reason = str(error)
    if reason:
        reason = f"node {socket.gethostname()}: {reason}"
    return pickle.dumps((reason, result), pickle.HIGHEST_PROTOCOL)


@cache  # 1 ms
def node_versions() -> str:
    """Return the versions that must be equal everywhere, so that all nodes give equal results."""
    python = python_version().rpartition(".")[0]
    own = import_module("thumbnailer").__version__  # an import of it would be one upwards
    parts = [f"thumbnailer {own}", f"Pillow {version('Pillow')}", f"Python {python}"]
    return ", ".join([*parts, *installed_extras()])
