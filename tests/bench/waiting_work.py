"""All that is done for a file but its thumbnail, with workers that only wait for as long:

    waiting_work.py FOLDER OUTPUT WORKERS MILLISECONDS

It is the program's own line, which writes what the workers answer. Printed are the seconds from its
start to its end, and the CPU seconds of this process, with all its threads.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

from thumbnailer.config.settings import Settings
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.model import EncodedThumbnail, Job, Rendering, Run
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.scan.folders import scan

# How long workers wait: the name of an environment variable, which they inherit.
_MILLISECONDS = "WAITING_WORK_MILLISECONDS"

# What a JPEG begins with, and as many bytes as one of 75 px has.
_DATA = b"\xff\xd8\xff" + bytes(2000)


def wait(job: Job, claim: object) -> Rendering:
    """What passes for a thumbnail."""
    time.sleep(int(os.environ[_MILLISECONDS]) / 1000)
    return Rendering(job.source, (EncodedThumbnail(_DATA, "jpeg", 75, 56),))


def main(folder: str, output: str, workers: str, milliseconds: str) -> None:
    settings, run = Settings(output=output, jobs=int(workers)), Run()
    # Workers have to find this file.
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    os.environ[_MILLISECONDS] = milliseconds
    begin = time.perf_counter()
    with new_pool(settings, "waiting_work:wait") as pool:
        for _ in run_pipeline(scan(folder, settings.choice), settings, run, pool):
            pass
    wall_s, usage = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF)
    if run.report.made != run.report.found:
        raise SystemExit(f"{run.report.made} of {run.report.found}")
    print(wall_s, usage.ru_utime + usage.ru_stime)


if __name__ == "__main__":
    main(*sys.argv[1:])
