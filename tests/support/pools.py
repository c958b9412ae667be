"""Pools whose jobs are told by their names what to do; `pool_work` is what their workers do."""

from __future__ import annotations

from thumbnailer.engine.pool import Pool
from thumbnailer.engine.worker_main import PoolOptions
from thumbnailer.model import (
    Answer,
    Failure,
    Folder,
    Job,
    Outcome,
    Rendering,
    Source,
    WantedThumbnail,
)
from thumbnailer.recipe import Box, Limits, Recipe


def named(job: Job) -> str:
    """What a job is told to do."""
    return job.wanted[0].name


def job(name: str, source: str = "") -> Job:
    wanted = WantedThumbnail(Folder("", ""), "", name, Recipe(box=Box(1, 1)))
    return Job(Source(source or name, 0, 0), (wanted,), Limits(1, 1, 1))


def pool(
    workers: int = 2,
    timeout_s: float = 30,
    func: str = "support.pool_work:work",
    worker_bytes: int = 1 << 30,
    memory_bytes: int = 1 << 30,
) -> Pool:
    sandbox = "off"  # some jobs write
    limits = workers, timeout_s, worker_bytes, memory_bytes
    return Pool(func, PoolOptions(*limits, sandbox, result=None), finish)


def finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
    """Outcomes whose seconds are the worker's pid, which the pool takes for slow work."""
    return [
        Outcome(job.source, "failed", error=result)
        if isinstance(result, Failure)
        else Outcome(job.source, "made", seconds=_seconds(job, result))
        for job, (result, _) in zip(jobs, answers, strict=True)
    ]


def _seconds(job: Job, result: object) -> float:
    assert isinstance(result, Rendering)
    return 0.001 if "quick" in named(job) else result.encoded[0].width


def answers(
    *names: str, memory_bytes: int = 1 << 30, sandbox: str = "off", seconds: float = 9
) -> list[tuple[str, object]]:
    """What four workers say to some jobs: name and the content of a rendering, or a failure.

    Args:
        seconds: what the pool is told that each took.
    """
    seen: list[tuple[str, object]] = []

    def finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        for done, (result, _) in zip(jobs, answers, strict=True):
            said = result.encoded[0].data if isinstance(result, Rendering) else result
            seen.append((named(done), said))
        return [Outcome(done.source, "made", seconds=seconds) for done in jobs]

    options = PoolOptions(4, 30, 256 << 20, memory_bytes, sandbox, result=None)
    with Pool("support.pool_work:work", options, finish) as workers:
        assert len(list(workers.imap_unordered(map(job, names)))) == len(names)
    return seen
