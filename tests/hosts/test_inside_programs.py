"""The library works inside programs that run it in processes and threads of their own making."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.pictures import tree

NAMES = ["a.jpg", "b.jpg", "c.jpg"]

# What a process of the host does. Each writes into a folder of its own.
WORK = """
import sys

def work(number):
    from thumbnailer import make_thumbnails

    report = make_thumbnails(sys.argv[1], output=f"{sys.argv[2]}/{number}", jobs=2)
    return report.made - report.failed

"""

POOL = """
import multiprocessing

if __name__ == "__main__":
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        print(sum(pool.map(work, range(3))))
"""

GEVENT = """
from gevent import monkey
monkey.patch_all()
import gevent

{work}
turns = 0

def turn():
    global turns
    while True:
        gevent.sleep(0.001)
        turns += 1

gevent.spawn(turn)
jobs = [gevent.spawn(work, number) for number in range(3)]
gevent.joinall(jobs)
assert turns > 20, turns  # others have their turn while pictures are made
print(sum(job.value for job in jobs))
"""

EVENTLET = """
import warnings
warnings.simplefilter("ignore")
import eventlet
eventlet.monkey_patch()

{work}
pool = eventlet.GreenPool()
print(sum(pool.imap(work, range(3))))
"""

LOKY = """
from joblib import Parallel, delayed

print(sum(Parallel(n_jobs=2)(delayed(work)(number) for number in range(3))))
"""

# A nanny starts each worker as a daemonic process.
DASK = """
if __name__ == "__main__":
    from dask.distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            print(sum(client.gather(client.map(work, range(3)))))
"""

THREADS = """
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(3) as threads:
    print(sum(threads.map(work, range(3))))
"""


def program(host: str, needs: str = "") -> object:
    """A program of a host, which needs a module that the extra `test-all` installs."""
    if not needs:
        return host
    reason = f"{needs} is not installed"
    is_missing = pytest.mark.skipif(not find_spec(needs), reason=reason)
    return pytest.param(host, marks=[pytest.mark.extra, is_missing])


HOSTS = {
    "threads": program(WORK + THREADS),
    "a Pool that forks": program(WORK + POOL.format(method="fork")),
    "a Pool that spawns": program(WORK + POOL.format(method="spawn")),
    "a Pool with a fork server": program(WORK + POOL.format(method="forkserver")),
    "gevent": program(GEVENT.format(work=WORK), "gevent"),
    "eventlet": program(EVENTLET.format(work=WORK), "eventlet"),
    "joblib": program(WORK + LOKY, "joblib"),
    "Dask": program(WORK + DASK, "distributed"),
}


@pytest.mark.parametrize("text", HOSTS.values(), ids=HOSTS)
@pytest.mark.few(2)
def test_in_processes_and_threads_of_others(photos: Path, tmp_path: Path, text: str) -> None:
    tree(photos, *NAMES)
    script = tmp_path / "program.py"
    script.write_text(text)
    command = [sys.executable, str(script), str(photos), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == (f"{3 * len(NAMES)}\n", 0), done
    assert "Traceback" not in done.stderr
    for number in range(3):
        assert len(made_in(tmp_path / "out" / str(number))) == len(NAMES)


def made_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


CELERY = """
from celery import Celery

app = Celery("tasks")
queue = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
app.conf.update(
    broker_url="filesystem://", broker_transport_options=queue, result_backend="file://results"
)

@app.task
def shrink(folder, output):
    from thumbnailer import make_thumbnails

    return make_thumbnails(folder, output=output).made
"""
SENDER = """
import sys
from tasks import shrink

waiting = [shrink.delay(sys.argv[1], f"{sys.argv[2]}/{number}") for number in range(3)]
print(sum(one.get(timeout=60) for one in waiting))
"""


@pytest.mark.extra
def test_in_the_daemonic_processes_of_celery(photos: Path, tmp_path: Path) -> None:
    """Its default, prefork, has `multiprocessing` refuse daemonic processes children."""
    pytest.importorskip("celery")
    tree(photos, *NAMES)
    (tmp_path / "tasks.py").write_text(CELERY)
    for folder in ("queue", "control", "results"):
        (tmp_path / folder).mkdir()
    celery = [sys.executable, "-m", "celery", "--app", "tasks", "worker", "--concurrency", "2"]
    log = tmp_path / "log"
    with log.open("w") as stream:
        started = subprocess.Popen(celery, cwd=tmp_path, stdout=stream, stderr=stream)
        try:
            sender = [sys.executable, "-c", SENDER, str(photos), str(tmp_path / "out")]
            done = subprocess.run(sender, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        finally:
            started.terminate()
            started.wait(60)
    assert done.stdout == f"{3 * len(NAMES)}\n", (done, log.read_text())
    for number in range(3):
        assert len(made_in(tmp_path / "out" / str(number))) == len(NAMES)
