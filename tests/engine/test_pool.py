"""The pool answers each job exactly once, whatever becomes of its workers."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.marks import posix_only
from support.pool_work import KILL
from support.pools import answers, finish, job, pool
from support.project import TESTS
from support.waiting import STALL_SECONDS, eventually, is_running, until

from thumbnailer import WorkerError
from thumbnailer.door.fetchers import Fetcher
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.processes.start import start_method
from thumbnailer.engine.worker_main import PoolOptions
from thumbnailer.model import Failure, Job, Outcome, Source

# Far beyond any bound: a job that takes so long, and a time-out that does not help.
LONG_SECONDS = 600
LONG = f"sleep {LONG_SECONDS}"


def run(*names: str, timeout_s: float = 30) -> dict[str, Outcome]:
    """The outcomes of jobs, by name."""
    with pool(timeout_s=timeout_s) as workers:
        outcomes = list(workers.imap_unordered(map(job, names)))
    assert len(outcomes) == len(names)
    return {outcome.source.path: outcome for outcome in outcomes}


@pytest.mark.parametrize(
    ("name", "stage", "reason"),
    [
        pytest.param("kill", "crashed", "SIGKILL, perhaps for want of memory", marks=posix_only),
        pytest.param("segv", "crashed", "SIGSEGV", marks=posix_only),
        ("exit", "crashed", "ended by itself"),
        ("sysexit", "crashed", "SystemExit: 3"),
        ("memory", "crashed", "MemoryError"),
        ("recursion", "crashed", "RecursionError"),
        ("unpicklable", "crashed", "Unpicklable: one"),
        ("sleep 60", "timeout", "took longer than 1 s"),
        ("stop", "timeout", "took longer than 1 s"),
    ],
)
def test_a_job_that_takes_its_worker_along_fails_alone(name: str, stage: str, reason: str) -> None:
    others = [f"good {number}" for number in range(20)]
    outcomes = run(*others[:10], name, *others[10:], timeout_s=1 if stage == "timeout" else 30)
    error = outcomes.pop(name).error
    assert error
    assert error.stage == stage
    assert reason in error.reason
    assert (error.lasts, error.suspect) == (False, True), "the cause may have been something else"
    assert {outcome.status for outcome in outcomes.values()} == {"made"}


def test_a_job_whose_worker_died_is_tried_once_more(tmp_path: Path) -> None:
    with pool() as workers:
        outcomes = list(workers.imap_unordered([job("once", str(tmp_path / "first"))]))
    assert [outcome.status for outcome in outcomes] == ["made"]


@pytest.mark.parametrize("way", ["kill", "exit", "segv", "sleep 600", "stop"])
@pytest.mark.parametrize("place", ["alone", "in a group"])
@pytest.mark.few(3)
def test_a_job_is_tried_twice_and_the_others_once(tmp_path: Path, way: str, place: str) -> None:
    """Alone and among small ones, with which it goes to a worker together."""
    names = [f"tried quick {number}" for number in range(200)]
    jobs = [job(name, str(tmp_path / name)) for name in names]
    bad = job(f"tried {way}", str(tmp_path / "bad"))
    jobs = [bad] if place == "alone" else [*jobs[:100], bad, *jobs[100:]]
    timeout_s = 1 if way in ("sleep 600", "stop") else 60
    with pool(timeout_s=timeout_s) as workers:
        outcomes = {one.source.path: one for one in workers.imap_unordered(jobs)}
    assert outcomes.pop(str(tmp_path / "bad")).status == "failed"
    assert {one.status for one in outcomes.values()} <= {"made"}
    assert {name: len((tmp_path / name).read_bytes()) for name in os.listdir(tmp_path)} == {
        "bad": 2,
        **{name: 1 for name in names if place != "alone"},
    }


def test_a_time_out_is_that_of_one_job_and_not_of_its_group(tmp_path: Path) -> None:
    names = [f"quick {number}" for number in range(200)]
    names[100:100] = [f"tried sleep 0.7 quick {number}" for number in range(16)]
    with pool(workers=1, timeout_s=3) as workers:
        jobs = [job(name, str(tmp_path / name)) for name in names]
        assert {one.status for one in workers.imap_unordered(jobs)} == {"made"}
    assert {len(path.read_bytes()) for path in tmp_path.iterdir()} == {1}


@pytest.mark.skipif(sys.platform == "win32", reason="closes one direction of a socket")
def test_a_job_whose_workers_are_lost_before_it_begins_fails_in_the_end() -> None:
    with pool(func="support.deaf_work:lost_before") as workers:
        outcomes = list(workers.imap_unordered(map(job, ["one", "two", "three"])))
    assert len(outcomes) == 3
    for outcome in outcomes:
        assert outcome.error
        assert outcome.error.reason.endswith("worker processes died before they could begin")
        assert (outcome.error.lasts, outcome.error.suspect) == (False, False)


def test_while_one_job_hangs_the_others_go_on(tmp_path: Path) -> None:
    with pool(timeout_s=LONG_SECONDS) as workers:
        outcomes = workers.imap_unordered(map(job, [LONG, *["good"] * 500]))
        for _ in range(500):
            assert next(outcomes).source.path == "good"


def test_outcomes_pass_through_in_their_place() -> None:
    ready = Outcome(Source("ready", 0, 0), "current")
    with pool() as workers:
        items: list[Job | Outcome] = [ready, job("good"), ready, ready]
        outcomes = list(workers.imap_unordered(items))
    assert sorted(outcome.status for outcome in outcomes) == ["current"] * 3 + ["made"]


def test_no_worker_is_started_for_nothing() -> None:
    with pool(func="nowhere:nothing") as workers:
        assert list(workers.imap_unordered([])) == []


def test_workers_killed_between_two_batches_are_replaced() -> None:
    with pool() as workers:
        for _ in range(5):
            outcomes = list(workers.imap_unordered(job(f"good {n}") for n in range(20)))
            assert {outcome.status for outcome in outcomes} == {"made"}
            assert len(outcomes) == 20
            for pid in {int(outcome.seconds) for outcome in outcomes}:
                os.kill(pid, KILL)


@pytest.mark.slow
def test_stopped_workers_are_woken() -> None:
    with pool(timeout_s=LONG_SECONDS) as workers:
        for _ in range(3):
            outcomes = list(workers.imap_unordered(job(f"good {n}") for n in range(20)))
            assert {outcome.status for outcome in outcomes} == {"made"}
            for pid in {int(outcome.seconds) for outcome in outcomes}:
                os.kill(pid, signal.SIGSTOP)


def test_random_kills_lose_nothing_and_double_nothing() -> None:
    chance = random.Random(1)
    seen: list[str] = []
    kills = 0
    with pool() as workers:
        names = [f"sleep {chance.random() / 200} {number}" for number in range(1000)]
        for outcome in workers.imap_unordered(map(job, names)):
            seen.append(outcome.source.path)
            if kills < 20 and chance.random() < 0.05 and outcome.status == "made":
                kills += 1
                try:
                    os.kill(int(outcome.seconds), KILL)
                except ProcessLookupError:
                    continue
    assert kills == 20
    assert sorted(seen) == sorted(names)


def test_items_are_read_only_as_far_as_results_are_taken() -> None:
    read = 0

    def items() -> Iterator[Job]:
        nonlocal read
        for number in range(1_000_000):
            read += 1
            yield job(f"good {number}")

    with pool(workers=2) as workers:
        outcomes = workers.imap_unordered(items())
        for taken in range(1, 101):
            next(outcomes)
            assert read <= taken + 4
        time.sleep(0.2)
        assert read <= 104


def test_small_jobs_go_in_groups_and_still_not_far_ahead() -> None:
    read = 0

    def items() -> Iterator[Job]:
        nonlocal read
        for number in range(2000):
            read += 1
            yield job(f"quick {number}")

    furthest = 0
    with pool(workers=2) as workers:
        seen = []
        for outcome in workers.imap_unordered(items()):
            seen.append(outcome.source.path)
            furthest = max(furthest, read - len(seen))
    assert sorted(seen) == sorted(f"quick {number}" for number in range(2000))
    assert 32 < furthest <= 2 * 2 * 32 + 32


def fetched_groups(size_bytes: int, memory_bytes: int) -> tuple[list[int], int]:
    """Fetch 120 small jobs over a network: how many at a time, and how many groups at once."""
    groups: list[int] = []
    now, most, lock = 0, 0, threading.Lock()

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        nonlocal now, most
        with lock:
            groups.append(len(jobs))
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return [*jobs]

    options = PoolOptions(2, 30, 1 << 30, memory_bytes, "off", remote=True, result=None)
    names = [f"quick {number}" for number in range(120)]
    sources = [Source(name, size_bytes, 0) for name in names]
    jobs = [replace(job(source.path), source=source) for source in sources]
    with Pool("support.pool_work:work", options, finish, Fetcher(fetch)) as workers:
        outcomes = list(workers.imap_unordered(jobs))
    assert sorted(outcome.source.path for outcome in outcomes) == sorted(names)
    return groups, most


def test_a_group_holds_no_more_bytes_than_the_pictures_that_are_decoded() -> None:
    small, _ = fetched_groups(1000, 1 << 30)
    assert max(small) > 8, "small ones go together"
    large, _ = fetched_groups(3 << 20, 1 << 30)
    assert max(large) == 3  # 9 MiB: the first that reaches 8
    alone, _ = fetched_groups(20 << 20, 1 << 30)
    assert max(alone) == 1


def test_what_is_fetched_at_a_time_fits_into_its_share_of_the_memory() -> None:
    _, most = fetched_groups(10 << 20, 1 << 30)
    assert most > 2
    _, most = fetched_groups(10 << 20, 80 << 20)  # a quarter of it is for what is on its way
    assert most <= 2


@pytest.mark.parametrize("bad", ["kill", "exit", "sleep 60", "sysexit"])
@pytest.mark.few(1)
def test_a_group_costs_no_more_than_its_bad_job(bad: str) -> None:
    names = [f"quick {number}" for number in range(300)]
    names[100:100] = [f"{bad} first"]
    names[200:200] = [f"{bad} second"]
    outcomes = run(*names, timeout_s=1 if "sleep" in bad else 30)
    failed = {name for name, outcome in outcomes.items() if outcome.status == "failed"}
    assert failed == {f"{bad} first", f"{bad} second"}


def test_items_are_read_in_the_caller_s_thread() -> None:
    threads = set()

    def items() -> Iterator[Job]:
        for _ in range(20):
            threads.add(threading.current_thread())
            yield job("good")

    with pool() as workers:
        list(workers.imap_unordered(items()))
    assert threads == {threading.current_thread()}


def test_an_exception_of_the_items_reaches_the_caller_after_all_jobs_before() -> None:
    names = [*(f"sleep 0.2 {number}" for number in range(3)), "good", *["quick"] * 30]
    seen = []

    def items() -> Iterator[Job]:
        yield from map(job, names)
        raise LookupError("mine")

    def take(workers: Pool) -> None:
        for outcome in workers.imap_unordered(items()):
            seen.append(outcome.source.path)

    with pool() as workers, pytest.raises(LookupError, match="mine"):
        take(workers)
    assert sorted(seen) == sorted(names)


def test_where_nothing_has_come_yet_what_was_read_is_made() -> None:
    """In a group that is not full, or while the workers are busy with others."""
    read, seen = 0, 0

    def items() -> Iterator[Job | None]:
        nonlocal read
        for number in [*range(200), *[1] * 7]:
            read += 1
            yield job(f"quick {number}")
        for _ in until(STALL_SECONDS, 0.01):
            if seen == read:
                return
            yield None

    with pool() as workers:
        for _ in workers.imap_unordered(items()):
            seen += 1
    assert seen == 207


@posix_only  # where a process can be asked for
@pytest.mark.parametrize("names", [[LONG] * 20, ["stop"] * 3, ["good"] * 100])
def test_leaving_half_way_ends_everything_at_once(names: list[str]) -> None:
    with pool(timeout_s=LONG_SECONDS) as workers:
        outcomes = workers.imap_unordered(map(job, ["good", *names]))
        pid = int(next(outcomes).seconds)
        begin = time.monotonic()
    assert time.monotonic() - begin < STALL_SECONDS
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_set_stop_ends_the_iterator_soon() -> None:
    stop = threading.Event()
    with pool(timeout_s=LONG_SECONDS) as workers:
        outcomes = workers.imap_unordered(map(job, ["good", *[LONG] * 5]), stop)
        next(outcomes)
        stop.set()
        begin = time.monotonic()
        assert list(outcomes) == []
    assert time.monotonic() - begin < STALL_SECONDS


@pytest.mark.parametrize(
    ("func", "reason"),
    [
        ("support.pool_work:missing", "AttributeError"),
        ("no_such_module:work", "ModuleNotFoundError"),
    ],
)
@pytest.mark.few(1)
def test_workers_that_cannot_start_are_given_up(func: str, reason: str) -> None:
    complaint = f"no worker process can be started: {reason}"
    with pytest.raises(WorkerError, match=complaint), pool(func=func) as workers:
        list(workers.imap_unordered([job("good")]))


@pytest.mark.parametrize("works", [True, False])
def test_where_no_worker_works_that_is_said_once(works: bool) -> None:
    """Not picture by picture, 300,000 times. Of pictures that kill their workers each fails."""
    probe = "support.pool_work:" + ("work" if works else "kill")
    options = PoolOptions(2, 30, 1 << 30, 1 << 30, "off", result=None)
    with Pool("support.pool_work:kill", options, finish, probe=probe) as workers:
        if works:
            outcomes = list(workers.imap_unordered(map(job, ["good"] * 50)))
            assert {outcome.status for outcome in outcomes} == {"failed"}
            assert len(outcomes) == 50
        else:
            with pytest.raises(WorkerError, match="no worker process works: crashed: "):
                list(workers.imap_unordered(map(job, ["good"] * 50)))


def test_the_probe_of_real_pools_works() -> None:
    options = PoolOptions(2, 30, 1 << 30, 1 << 30, "off", result=None)
    with Pool("thumbnailer.render.job:probe", options, finish) as workers:
        (outcome,) = workers.imap_unordered([job("any")])
    assert outcome.error
    assert outcome.error.stage == "failed"


def test_a_killed_fork_server_is_replaced() -> None:
    if start_method() != "forkserver":
        pytest.skip("this platform has no fork server")
    with pool() as workers:
        killed = False
        names = [f"sleep 0.01 {number}" for number in range(100)]
        outcomes = []
        for outcome in workers.imap_unordered(map(job, names)):
            outcomes.append(outcome)
            if not killed:
                subprocess.run(["pkill", "-KILL", "-P", str(os.getpid()), "-f", "forkserver"])
                killed = True
                os.kill(int(outcome.seconds), KILL)
    assert sorted(outcome.source.path for outcome in outcomes) == sorted(names)
    assert {outcome.status for outcome in outcomes} == {"made"}


ORPHANS = """
import sys
sys.path[:0] = sys.argv[1:]
from support.pools import pool, job
with pool() as workers:
    outcomes = workers.imap_unordered(map(job, ["good", "good", "sleep 600", "sleep 600"]))
    print(int(next(outcomes).seconds), int(next(outcomes).seconds), flush=True)
    next(outcomes)
"""


def test_workers_end_with_a_parent_that_is_killed() -> None:
    command = [sys.executable, "-c", ORPHANS, str(TESTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pids = {int(pid) for pid in parent.stdout.readline().split()}
        parent.kill()
    eventually(lambda: not any(map(is_running, pids)))


@pytest.mark.slow
def test_replacing_workers_leaks_nothing() -> None:
    times = 100  # each takes two workers along

    def held() -> tuple[int, float]:
        """Descriptors and threads, and resident memory in MiB."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return (
            len(os.listdir("/proc/self/fd")) + threading.active_count(),
            pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        )

    with pool() as workers:
        list(workers.imap_unordered(map(job, ["kill"] * 4)))  # each takes two workers along
        handles, mib = held()
        list(workers.imap_unordered(map(job, ["kill"] * times)))
        handles_after, mib_after = held()
        assert handles_after < handles + 10  # some worker may be between death and replacement
        assert mib_after < mib + 8


@pytest.mark.slow
def test_workers_are_replaced_from_time_to_time() -> None:
    names = [f"pid {number}" for number in range(9000)]
    assert 4 < len({pid for _, pid in answers(*names, seconds=0.001)}) <= 8


def test_several_threads_may_iterate_at_a_time() -> None:
    found: dict[int, list[str]] = {}
    both = threading.Barrier(4)

    def iterate(number: int) -> None:
        names = [f"{number}-{count}" for count in range(40)]
        both.wait(60)
        outcomes = workers.imap_unordered(job(name) for name in names)
        found[number] = [outcome.source.path for outcome in outcomes]

    with pool(workers=2) as workers:
        threads = [threading.Thread(target=iterate, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("thumbnailer-pool") == 2  # those of one pool of threads
    assert {number: sorted(paths) for number, paths in found.items()} == {
        number: sorted(f"{number}-{count}" for count in range(40)) for number in range(4)
    }
