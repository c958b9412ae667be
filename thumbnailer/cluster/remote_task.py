"""A task of a cluster at the place where it is carried out: a call, and what came of it."""

from __future__ import annotations

import pickle
import socket
from functools import cache
from importlib import import_module
from importlib.metadata import version
from platform import python_version

from thumbnailer.errors import WorkerError
from thumbnailer.formats import installed_extras


def run_remote_task(name: str, theirs: str, work: bytes) -> bytes:
    """Call a function where this runs, if that is a place like the one where it was thought of.

    Args:
        name: of the function, as `module:name`.
        theirs: the versions there.
        work: its arguments, pickled.

    Returns:
        Pickled: why it can't be called here, in words, or ""; and its result.
    """
    trouble, result, ours = "", None, node_versions()
    if ours != theirs:
        trouble = f"has {ours}; this run needs {theirs}"
    else:
        module, _, function = name.partition(":")
        try:
            result = getattr(import_module(module), function)(*pickle.loads(work))
        except WorkerError as error:
            trouble = str(error)
    if trouble:
        trouble = f"node {socket.gethostname()}: {trouble}"
    return pickle.dumps((trouble, result), pickle.HIGHEST_PROTOCOL)


@cache  # 1 ms
def node_versions() -> str:
    """What has to be the same everywhere, lest thumbnails depend on the node."""
    python = python_version().rpartition(".")[0]
    own, pillow = version("thumbnailer"), version("Pillow")
    parts = [f"thumbnailer {own}", f"Pillow {pillow}", f"Python {python}", *installed_extras()]
    return ", ".join(parts)
