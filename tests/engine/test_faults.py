"""Workers, fork servers and whole runs that are killed, stopped or cannot start."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from support.marks import needs_proc, posix_only, root_only
from support.pictures import noise
from support.processes import (
    PROGRAMS,
    Started,
    at_random,
    check_thumbnails,
    copies,
    finish,
    fork_servers_of,
    group_of,
    make_to_the_end,
    send,
    start,
    start_make,
    workers_of,
)
from support.waiting import eventually, until

pytestmark = posix_only

pytestmark = needs_proc


methods = pytest.mark.parametrize(
    "method", ["forkserver", pytest.param("spawn", marks=pytest.mark.slow)]
)


def is_under_way(started: Started, rows: int = 20) -> bool:
    return started.printed().count("\n") >= rows


def kill_workers(started: Started) -> int:
    """Kill all workers there are; how many there were."""
    return sum(send(worker, signal.SIGKILL) for worker in workers_of(started))


@methods
@pytest.mark.slow
def test_workers_killed_at_random_moments_lose_nothing(photos: Path, method: str) -> None:
    sources = copies(photos, 200, (1280, 960))
    chance = random.Random(1)
    kills = 12

    def kill_one(workers: list[int]) -> bool:
        return send(chance.choice(workers), signal.SIGKILL)

    for _ in range(12):  # on a quick machine a run is over before it has seen all kills
        with start_make("--force", photos, method=method) as started:
            killed = at_random(started, kills, chance, kill_one, pause_seconds=0.2)
            run = finish(started, photos)
        assert {row["source"] for row in run.rows} == sources
        # One whose worker was killed twice has failed; two kills each.
        assert run.summary["failed"] <= killed / 2
        assert all("SIGKILL" in row["error"]["reason"] for row in run.rows if row["error"])
        kills -= killed
        if not kills:
            break
    assert not kills
    run = make_to_the_end(photos)  # one that was killed twice is tried again
    assert run.summary["current"] + run.summary["made"] == len(sources)
    assert len(os.listdir(photos / "thumbs")) == len(sources) + 1


@methods
@pytest.mark.slow
def test_all_workers_killed_at_once(photos: Path, method: str) -> None:
    sources = copies(photos, 600, (1280, 960))
    with start_make(photos, method=method) as started:
        for rows in (10, 100):
            eventually(lambda: is_under_way(started, rows))  # noqa: B023
            assert kill_workers(started), "the run was over too soon"
        run = finish(started, photos)
        assert {row["source"] for row in run.rows if row["status"] == "made"} == sources


@methods
@pytest.mark.parametrize("everyone", [False, True], ids=["one", "all"])
@pytest.mark.few(1)
def test_a_stopped_worker_does_not_hold_up_the_run(
    photos: Path, method: str, everyone: bool
) -> None:
    sources = copies(photos, 500, (1280, 960))
    with start_make(photos, method=method) as started:
        eventually(lambda: is_under_way(started) and len(workers_of(started)) == 2)
        workers = workers_of(started)
        for worker in workers if everyone else workers[:1]:
            send(worker, signal.SIGSTOP)
        run = finish(started, photos, seconds=20)
        assert {row["source"] for row in run.rows if row["status"] == "made"} == sources


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.few(1)
def test_a_killed_fork_server_costs_nothing(photos: Path, early: bool) -> None:
    sources = copies(photos, 600, (1280, 960))
    with start_make(photos) as started:
        eventually(lambda: fork_servers_of(started) if early else is_under_way(started))
        for server in fork_servers_of(started):
            send(server, signal.SIGKILL)
        if not early:  # so that new workers are needed, and for them a new fork server
            assert kill_workers(started), "the run was over too soon"
        run = finish(started, photos)
        assert {row["source"] for row in run.rows if row["status"] == "made"} == sources


@methods
@pytest.mark.parametrize("rows", [40, 0, 1, 70])
@pytest.mark.few(1)
def test_after_a_killed_run_the_next_one_goes_on(photos: Path, method: str, rows: int) -> None:
    sources = copies(photos, 800, (1280, 960))
    with start_make(photos, method=method) as started:
        eventually(lambda: is_under_way(started, rows) and workers_of(started))
        started.process.kill()
        assert started.process.wait(60) == -signal.SIGKILL, "the run was over too soon"
        eventually(lambda: not group_of(started.process.pid))
    run = make_to_the_end(photos)
    assert run.code == 0
    assert {row["source"] for row in run.rows} == sources
    assert len(os.listdir(photos / "thumbs")) == 801
    assert make_to_the_end(photos).summary["current"] == 800


@pytest.mark.slow
def test_what_a_run_killed_in_the_middle_of_a_write_leaves_is_swept(photos: Path) -> None:
    noise((2000, 2000), 90).save(photos / "0.jpg")
    for number in range(1, 12):
        os.link(photos / "0.jpg", photos / f"{number}.jpg")
    thumbs = photos / "thumbs"
    options = ["-f", "png", "-s", "2000", str(photos)]  # large, so that a write takes long
    for _ in range(20):
        with start_make(*options) as started:
            for _ in until(60):  # without a pause: the write takes some milliseconds
                if [*thumbs.glob(".*.tmp")] or started.is_over():
                    break
            with suppress(ProcessLookupError):
                os.killpg(started.process.pid, signal.SIGKILL)
        if [*thumbs.glob(".*.tmp")]:
            break
    else:
        pytest.fail("no write was cut off in twenty runs")
    run = make_to_the_end(*options)
    assert (run.code, run.summary["found"]) == (0, 12)


LEAVING = """
import gc, multiprocessing, sys
from thumbnailer import iter_thumbnails

folder, method, way = sys.argv[1:]
multiprocessing.set_start_method(method)

class Mine(Exception):
    pass

def paths():
    for number in range(100):
        if way == "source raises" and number == 50:
            raise Mine
        yield f"{folder}/{number:04}.jpg"

outcomes = iter_thumbnails(paths(), jobs=2)
try:
    for count, outcome in enumerate(outcomes):
        if count == 20 and way == "caller raises":
            raise Mine
        if count == 20 and way in ("break", "del", "close"):
            break
except Mine:
    print("raised", end=" ")
if way == "del":
    del outcomes
    gc.collect()
elif way in ("close", "break", "caller raises"):
    outcomes.close()
print(count, flush=True)
sys.stdin.read()
"""


@methods
@pytest.mark.parametrize("way", ["source raises", "caller raises", "break", "del", "close"])
@pytest.mark.few(2)
def test_leaving_half_way_leaves_no_worker_in_a_program_that_goes_on(
    photos: Path, method: str, way: str
) -> None:
    copies(photos, 100, (1280, 960))
    with start(sys.executable, "-c", LEAVING, photos, method, way) as started:
        eventually(lambda: is_under_way(started, 1), seconds=20)
        eventually(lambda: not workers_of(started), seconds=1)
        check_thumbnails(photos)
        assert started.process.stdin
        started.process.stdin.close()
        run = finish(started, photos, seconds=10, complete=False)
        assert (run.code, run.err) == (0, "")
        assert ("raised" in run.out) == ("raises" in way)
        assert 0 < int(run.out.split()[-1]) < 50


@methods
@pytest.mark.parametrize(
    "descriptors",
    [6, 8, 9, 10, 11, 12, 14, 16, 20, 24, 32],
)
@pytest.mark.slow
def test_with_few_file_descriptors_it_works_or_says_so(
    photos: Path, method: str, descriptors: int
) -> None:
    copies(photos, 6)
    check_short_of_something(photos, method, f"prlimit --nofile={descriptors}")


@root_only
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
@methods
@pytest.mark.parametrize(
    "processes",
    [1, 2, 3, 4, 5, 6, 8, 10, 12],
)
@pytest.mark.few(1)
def test_with_few_processes_it_works_or_says_so(
    public_folder: Path, method: str, processes: int
) -> None:
    copies(public_folder, 6)
    public_folder.chmod(0o777)
    # Root is exempt from this limit. The capability lets the user reach a Python in root's home.
    user = random.randrange(100_000, 1_000_000)
    become = f"setpriv --reuid={user} --regid={user} --clear-groups"
    may_read = "--inh-caps=+dac_read_search --ambient-caps=+dac_read_search"
    limit = f"prlimit --nproc={processes}"
    check_short_of_something(public_folder, method, f"{become} {may_read} {limit}")


def check_short_of_something(photos: Path, method: str, under: str) -> None:
    command = [*PROGRAMS[method], "make", "--json", "-j", "2", str(photos)]
    with start(*under.split(), *command) as started:
        run = finish(started, photos, seconds=30)
    assert len(run.rows) <= 6
    if run.code == 0:
        assert run.summary["made"] == 6
        assert run.err == ""
    else:
        assert run.code == 1
        complaint = "no worker process can be started|this process can't go on"
        assert re.fullmatch(rf"thumbnailer: (?:{complaint}): .+\n", run.err), run.err
    assert make_to_the_end(photos).code == 0


@pytest.mark.parametrize("options", [[], ["--force"]], ids=["made once", "made twice"])
@pytest.mark.slow
def test_two_runs_over_one_folder_do_not_disturb_each_other(
    photos: Path, options: list[str]
) -> None:
    sources = copies(photos, 150)
    with start_make(*options, photos) as one, start_make(*options, photos) as other:
        for run in (finish(one), finish(other, photos)):
            assert (run.code, run.err) == (0, "")
            assert {row["source"] for row in run.rows} == sources
            assert run.summary["made"] + run.summary["current"] == len(sources)
    assert make_to_the_end(photos).summary["current"] == len(sources)
