"""What the nodes of a cluster do in tests: the work of `pool_work`, in pools of their own."""

from __future__ import annotations

import os
import signal

from support.pools import named, pool
from thumbnailer.model import Job, Outcome


def run_jobs(jobs: list[Job], settings: object, caller: object) -> list[Outcome]:
    """The outcomes of jobs; one of the name `kill-ray` ends the process that asks the pool."""
    if "kill-ray" in map(named, jobs):
        os.kill(os.getpid(), signal.SIGKILL)
    with pool(1, timeout_s=1) as workers:
        return list(workers.imap_unordered(jobs))


def check_node(job: Job, settings: object, caller: object) -> None:
    """These jobs need no folders."""
