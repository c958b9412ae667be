"""What the workers of the pool tests do: the name of a job says how it ends."""

from __future__ import annotations

import os
import signal
import sys
import time

from thumbnailer.model import Job, Rendering


class Unpicklable(Exception):
    """An exception that can be pickled but not unpickled."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


def work(job: Job) -> Rendering:
    """Do what the first word of the job's name says, then answer."""
    match job.name.split()[0]:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "exit":
            os._exit(0)
        case "sysexit":
            sys.exit(3)
        case "memory":
            raise MemoryError
        case "recursion":
            return work(job)
        case "unpicklable":
            raise Unpicklable("one", "two")
        case "sleep":
            time.sleep(float(job.name.split()[1]))
        case "once":  # dies the first time, which the file named by the source remembers
            if not os.path.exists(job.source.path):
                open(job.source.path, "wb").close()
                os.kill(os.getpid(), signal.SIGKILL)
    return Rendering(job.source, b"", width=os.getpid(), height=1)
