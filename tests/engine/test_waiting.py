"""A pool tells what it waits for, to whoever asks meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.pools import finish, job, pool
from support.waiting import STALL_SECONDS, eventually

from thumbnailer.activity import Waiting
from thumbnailer.door.fetchers import Fetcher
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.worker_main import PoolOptions
from thumbnailer.model import Answer, Failure, Job, Outcome

MIB = 1 << 20


@pytest.fixture
def held(tmp_path: Path) -> list[Path]:
    """Files as whose sources jobs go on as long as they are there."""
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        file.touch()
    return files


@contextmanager
def at_work(workers: Pool, jobs: list[Job]) -> Iterator[None]:
    thread = threading.Thread(target=lambda: list(workers.imap_unordered(jobs)))
    assert workers.waits_for() is None
    thread.start()
    yield
    thread.join(STALL_SECONDS)
    assert workers.waits_for() is None


def wait_for(workers: Pool, what: str, *, held_back: int = 0) -> Waiting:
    def is_told() -> bool:
        told = workers.waits_for()
        return told is not None and (told.what, told.held_back) == (what, held_back)

    eventually(is_told)
    told = workers.waits_for()
    assert told
    return told


def test_the_picture_that_takes_longest(held: list[Path]) -> None:
    quick = [job(f"quick {number}") for number in range(300)]
    slow = job("hold 1", str(held[0]))  # in the middle of a group
    with pool(workers=1) as workers, at_work(workers, [*quick, slow, *quick]):
        eventually(lambda: (now := workers.waits_for()) and now.path == str(held[0]))
        first = wait_for(workers, "picture")
        eventually(lambda: (now := workers.waits_for()) and now.seconds > first.seconds)
        assert wait_for(workers, "picture").path == str(held[0])
        held[0].unlink()


def test_a_picture_that_has_the_memory_for_which_another_waits(held: list[Path]) -> None:
    jobs = [job(f"hold {90 * MIB}", str(file)) for file in held]
    with pool(memory_bytes=200 * MIB) as workers, at_work(workers, jobs):
        first = wait_for(workers, "picture", held_back=1)
        Path(first.path).unlink()
        second = wait_for(workers, "picture")
        assert {first.path, second.path} == {*map(str, held)}
        Path(second.path).unlink()


def test_what_has_been_downloaded_is_not_waited_for(held: list[Path]) -> None:
    fetched = threading.Barrier(2)

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        fetched.wait(STALL_SECONDS)
        return [*jobs]

    options = PoolOptions(1, 30, 1 << 30, 1 << 30, "off", remote=True, result=None)
    jobs = [job("hold 1", str(held[0])), job("hold 1", str(held[1]))]
    pool = Pool("support.pool_work:work", options, finish, Fetcher(fetch))
    with pool as workers, at_work(workers, jobs):
        first = wait_for(workers, "picture")
        Path(first.path).unlink()
        eventually(lambda: (now := workers.waits_for()) and now.path != first.path)
        second = wait_for(workers, "picture")
        assert {first.path, second.path} == {*map(str, held)}
        Path(second.path).unlink()


@pytest.mark.parametrize("what", ["download", "write"])
def test_what_is_done_before_and_after_the_work(what: str) -> None:
    go_on = threading.Event()

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        assert what != "download" or go_on.wait(STALL_SECONDS)
        return [*jobs]

    def write(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        assert what != "write" or go_on.wait(STALL_SECONDS)
        return finish(jobs, answers)

    options = PoolOptions(2, 30, 1 << 30, 1 << 30, "off", remote=True, result=None)
    pool = Pool("support.pool_work:work", options, write, Fetcher(fetch))
    with pool as workers, at_work(workers, [job("quick", "a.jpg")]):
        assert wait_for(workers, what).path == "a.jpg"
        go_on.set()
