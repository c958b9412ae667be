"""What the local pool and the cluster have in common: one outcome a job, whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from support.pools import job, pool
from support.ray_cluster import Network
from support.waiting import STALL_SECONDS, eventually, is_running

from thumbnailer.cluster.ray_cluster import RayCluster
from thumbnailer.cluster.read_ahead import ReadAhead
from thumbnailer.config.settings import Settings
from thumbnailer.model import Engine, Job, Outcome, Source

ON_CLUSTER = [pytest.mark.slow, pytest.mark.xdist_group("one_network")]


@pytest.fixture(params=["pool", pytest.param("cluster", marks=ON_CLUSTER)])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    if request.param == "pool":
        with pool(timeout_s=1) as workers:
            yield workers
        return
    network: Network = request.getfixturevalue("network")
    for name, value in network.environment.items():
        monkeypatch.setenv(name, value)
    with (
        network.head.entered(),
        RayCluster(network.address, Settings(), None, "support.ray_work") as cluster,
    ):
        yield cluster


def sources(outcomes: list[Outcome]) -> list[str]:
    return sorted(outcome.source.path for outcome in outcomes)


def test_each_job_has_one_outcome(engine: Engine) -> None:
    names = [f"{kind} {number}" for number in range(100) for kind in ("quick", "good")]
    outcomes = list(engine.imap_unordered(map(job, names)))
    assert sources(outcomes) == sorted(names)
    assert {outcome.status for outcome in outcomes} == {"made"}


def test_outcomes_among_the_items_pass_through(engine: Engine) -> None:
    ready = [Outcome(Source(f"ready {number}", 0, 0), "current") for number in range(200)]
    items: list[Job | Outcome] = [*ready[:100], job("good"), *ready[100:]]
    outcomes = list(engine.imap_unordered(items))
    assert len(outcomes) == 201
    assert [outcome for outcome in outcomes if outcome.status == "current"] == ready


def test_failures_are_outcomes(engine: Engine) -> None:
    names = ["kill", "sleep 60", "memory", "exit", *(f"good {number}" for number in range(20))]
    outcomes = {one.source.path: one for one in engine.imap_unordered(map(job, names))}
    assert sorted(outcomes) == sorted(names)
    stages = {name: one.error.stage for name, one in outcomes.items() if one.error}
    assert stages == {
        "kill": "crashed",
        "sleep 60": "timeout",
        "memory": "crashed",
        "exit": "crashed",
    }


def test_nothing_comes_of_nothing(engine: Engine) -> None:
    assert list(engine.imap_unordered([])) == []


def test_one_batch_follows_another(engine: Engine) -> None:
    for _ in range(3):
        assert len(list(engine.imap_unordered(map(job, ["good"] * 5)))) == 5


def test_results_come_while_the_source_goes_on(engine: Engine) -> None:
    seen: list[Outcome] = []

    def items() -> Iterator[Job]:
        yield job("good")
        for _ in range(600):
            time.sleep(0.05)
            if seen:
                return
            yield job("good")
        pytest.fail("nothing came in half a minute")

    for outcome in engine.imap_unordered(items()):
        seen.append(outcome)


def test_reading_stops_where_nobody_takes_results(engine: Engine) -> None:
    read: list[int] = []

    def items() -> Iterator[Job]:
        for number in range(100_000):
            read.append(number)
            yield job(f"quick {number}")

    outcomes = engine.imap_unordered(items())
    next(outcomes)
    time.sleep(1)
    assert len(read) < 500
    outcomes.close()


def test_an_error_of_the_source_is_the_callers(engine: Engine) -> None:
    seen: list[str] = []

    def items() -> Iterator[Job]:
        yield from map(job, ["good", "sleep 0.5", "sleep 0.1"])
        raise LookupError("no more")

    def take() -> None:
        for outcome in engine.imap_unordered(items()):
            seen.append(outcome.source.path)

    with pytest.raises(LookupError, match="no more"):
        take()
    assert sorted(seen) == ["good", "sleep 0.1", "sleep 0.5"]


def test_what_comes_of_a_live_source_comes_at_once(engine: Engine) -> None:
    """A source in a thread of its own, which has nothing to give until its first result is taken,
    and then nothing any more."""
    taken = threading.Event()

    def items() -> Iterator[Job]:
        yield job("good")
        yield job("good")
        assert taken.wait(STALL_SECONDS)
        yield job("sleep 0.1")

    with closing(ReadAhead(items(), 16, 2)) as ahead:
        for number, _ in enumerate(engine.imap_unordered(ahead)):
            if number == 1:
                taken.set()


def test_it_ends_once_it_is_stopped(engine: Engine) -> None:
    stop = threading.Event()
    outcomes = engine.imap_unordered((job(f"sleep 0.1 {n}") for n in range(100_000)), stop)
    next(outcomes)
    stop.set()
    begin = time.monotonic()
    assert len(list(outcomes)) < 100
    assert time.monotonic() - begin < STALL_SECONDS


def test_who_leaves_early_leaves_nothing_running(engine: Engine) -> None:
    outcomes = engine.imap_unordered(job(f"sleep 0.1 {n}") for n in range(1000))
    workers = {int(next(outcomes).seconds) for _ in range(4)}  # the numbers of their processes
    outcomes.close()
    engine.__exit__()
    eventually(lambda: not any(map(is_running, workers)))
