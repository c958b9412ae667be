"""Tasks that run on a cluster node: check the node, and run jobs in a local pool."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

from thumbnailer.cluster.remote_task import Caller
from thumbnailer.config.settings import Settings
from thumbnailer.door.nodes import check_bucket
from thumbnailer.door.places import is_remote
from thumbnailer.engine.machine import available_memory_bytes, usable_cpus
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.errors import ConfigError, WorkerError, shortened
from thumbnailer.model import Folder, Job, Outcome, WantedThumbnail
from thumbnailer.thumbs.ledger import lines

_MIB = 1 << 20

# The pool of this process, keyed by settings, working directory and `remote`. It is closed at the
# end of the process; if the process is killed, the worker notices that its parent is gone.
_pools: dict[tuple[Settings, str, bool], Pool] = {}


def run_jobs(jobs: list[Job], settings: Settings, caller: Caller) -> list[Outcome]:
    """Return the outcomes of some jobs, under the same limits as on one machine.

    Args:
        settings: the settings of the run.
        caller: where the run was started.

    Raises:
        WorkerError: no worker process can be started here.
    """
    pool = _pool(jobs, settings, caller)
    try:
        return list(pool.imap_unordered(map(_without_devices, jobs)))
    except BaseException:  # if Ray has cancelled the task, the pool must drop its work
        _close()
        raise


def _without_devices(job: Job) -> Job:
    """Return a job without the numbers of devices, which are others on each machine."""
    thumbnails = (
        replace(one, folder=replace(one.folder, device=None))
        if isinstance(one, WantedThumbnail)
        else one
        for one in job.thumbnails
    )
    return replace(job, thumbnails=tuple(thumbnails))


def check_node(job: Job, settings: Settings, caller: Caller) -> None:
    """Check that this node can reach the source and the thumbnail folders or buckets of a job.

    `settings` and `caller` are those of `run_jobs`.

    Raises:
        WorkerError: one can't be reached or written, or a folder is not the one of this run.
    """
    _take_place(caller)
    folders = {wanted.folder for wanted in job.wanted}
    path = os.path.abspath(job.source.path)
    if not job.source.is_remote and not os.path.exists(path):
        raise WorkerError(
            f"there is no {shortened(path)}: every node needs the pictures at that path"
        )
    for url in (job.source.path, *(folder.anchor for folder in folders)):
        try:
            check_bucket(url, settings)
        except ConfigError as error:
            raise WorkerError(f"{error}; every node needs them") from None
        except OSError as error:
            raise WorkerError(f"{shortened(error.filename)}: {error.strerror}") from None
    for folder in folders:
        if not folder.is_remote:
            _check_writing(folder, settings)


def _check_writing(folder: Folder, settings: Settings) -> None:
    place = os.path.abspath(folder.anchor)
    # The process that started the run marks the folder of an output tree before all else.
    marker = os.path.join(place, lines.MARK)
    if not os.path.isdir(place) or (
        settings.output and not folder.desktop and not os.path.exists(marker)
    ):
        raise WorkerError(
            f"{shortened(place)} is not the folder that this run writes to: every node needs it at "
            "that path"
        )
    for part in filter(None, folder.below.split(os.sep)):
        if not os.path.isdir(os.path.join(place, part)):
            break
        place = os.path.join(place, part)
    if not os.access(place, os.W_OK | os.X_OK):
        raise WorkerError(f"{shortened(place)} can't be written")


def _pool(jobs: list[Job], settings: Settings, caller: Caller) -> Pool:
    remote = is_remote(settings.output, *(job.source.path for job in jobs))
    key = settings, caller.cwd, remote
    if key not in _pools:
        _close()  # keep one pool only: a process may serve several runs in turn
        _take_place(caller)
        # Each of the node's slots has a pool like this: together they take the memory of one run.
        memory_bytes = settings.memory_bytes or available_memory_bytes() // 2
        memory_mib = max(32, memory_bytes // usable_cpus() // _MIB)
        _pools[key] = new_pool(replace(settings, jobs=1, memory=memory_mib), remote=remote)
    return _pools[key]


def _take_place(caller: Caller) -> None:
    os.environ.update(caller.environment)
    with suppress(OSError):  # it may be missing here; absolute paths do not need it
        os.chdir(caller.cwd)


def _close() -> None:
    while _pools:
        _pools.popitem()[1].__exit__()
