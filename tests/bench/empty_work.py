"""All that is done for a file but its thumbnail: scan, plan, a worker with nothing to do, report.

    empty_work.py FOLDER OUTPUT

It is the program's own line, with a pool whose workers answer at once, and that writes nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from thumbnailer.config.settings import Settings
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.worker_main import PoolOptions
from thumbnailer.model import Answer, EncodedThumbnail, Job, Outcome, Rendering, Run
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.scan.folders import scan

_GIB = 1 << 30


def nothing(job: Job, claim: object) -> Rendering:
    """A thumbnail of no bytes."""
    return Rendering(job.source, (EncodedThumbnail(b"", "jpeg", 1, 1),))


def report_only(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
    pairs = zip(jobs, answers, strict=True)
    return [Outcome(job.source, "made", seconds=answer.seconds) for job, answer in pairs]


def main(folder: str, output: str) -> None:
    settings, run = Settings(output=output), Run()
    # Workers have to find this file.
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    workers = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    options = PoolOptions(workers, 60, _GIB, _GIB, "auto", result=None)
    with Pool("empty_work:nothing", options, report_only) as pool:
        for _ in run_pipeline(scan(folder, settings.choice), settings, run, pool):
            pass
    if run.report.made != run.report.found:
        raise SystemExit(f"{run.report.made} of {run.report.found}")


if __name__ == "__main__":
    main(*sys.argv[1:])
