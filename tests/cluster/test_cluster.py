"""A run over a Ray cluster: what it makes, what it survives, and what it says where it can't be.

The nodes are real, each in a network namespace of its own; they share the file system.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.marks import unshared
from support.pictures import files_below, picture, tree
from support.pools import job
from support.program import in_a_process, make, thumbnailer
from support.ray_cluster import Network
from support.s3_server import KEY_ID, SECRET, Storage, photos_in, serving
from support.waiting import until

from thumbnailer import Settings, ThumbnailError, iter_thumbnails
from thumbnailer.cluster.ray_cluster import RayCluster
from thumbnailer.errors import install_hint
from thumbnailer.model import Job

pytestmark = pytest.mark.extra

slow = pytest.mark.slow
# By its name only: once imported, Ray keeps to what the environment said of its token then.
needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="the extra ray is not installed")


def many(photos: Path, number: int = 800) -> list[str]:
    """Pictures that take some 20 ms each."""
    data = picture(photos / "0.jpg", (1600, 1200), quality=90).read_bytes()
    for n in range(1, number):
        (photos / f"{n}.jpg").write_bytes(data)
    return [f"{n}.jpg" for n in range(number)]


class Going:
    """A run that is on its way, in JSON."""

    def __init__(self, network: Network, photos: Path, *options: str) -> None:
        there = ["--cluster", network.address, *options]
        self.process = network.started("make", "--json", photos, *there)
        self.rows: list[dict[str, Any]] = []
        self.err = b""

    def go_on(self, rows: int = 1_000_000) -> None:
        """Read so many rows more, or to the end."""
        assert self.process.stdout
        while rows and (line := self.process.stdout.readline()):
            self.rows.append(json.loads(line))
            rows -= 1

    def end(self) -> int:
        self.go_on()
        assert self.process.stderr
        self.err = self.process.stderr.read()
        assert b"Traceback" not in self.err
        return self.process.wait(60)

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = self.rows[-1]["summary"]
        return summary


@pytest.fixture
def going(network: Network, photos: Path) -> Iterator[Going]:
    """A run over many pictures of which some are made."""
    many(photos)
    run = Going(network, photos)
    with run.process:
        run.go_on(100)
        yield run
        run.process.kill()


def check_complete(photos: Path, number: int = 800) -> None:
    """Every picture has its thumbnail, whole, and there is nothing else."""
    names = files_below(photos / "thumbs")
    assert names == {f"{n}.jpg" for n in range(number)}
    for name in names:
        with Image.open(photos / "thumbs" / name) as image:
            assert image.size == (256, 192)
            image.load()


def check_next_run(photos: Path, number: int = 800) -> None:
    """It sweeps up what was being written when processes were killed; all else is current."""
    assert make(photos).summary["current"] == number
    check_complete(photos, number)


def check_each_is_told_once(run: Going, number: int = 800) -> None:
    told = [row["source"] for row in run.rows[:-1]]
    assert len(told) == len(set(told)) == number
    assert run.summary["found"] == run.summary["made"] == number


@needs_ray
def test_where_no_cluster_runs_none_is_started(photos: Path, tmp_path: Path) -> None:
    # Ray looks for a cluster among all processes that it sees, those of other tests too.
    alone = unshared("--pid", "--fork", "--mount-proc")
    tree(photos, "a.jpg")
    # Ray reads once in a process what it is to know of a cluster.
    run = in_a_process(
        "make", photos, "--cluster", "auto", prefix=alone, RAY_TMPDIR=str(tmp_path), RAY_ADDRESS=""
    )
    assert run.code == 1
    assert run.err == "thumbnailer: cluster 'auto': no Ray cluster runs on this machine\n"
    assert not files_below(photos / "thumbs")


@slow
def test_a_cluster_makes_what_one_machine_makes(network: Network, photos: Path) -> None:
    tree(photos, "a.jpg", "day 1/b.png", "day 1/c.webp")
    (photos / "d.jpg").write_bytes(b"no picture")
    one, other = photos.parent / "one", photos.parent / "other"
    assert network.run("make", photos, "--output", one).code == 3
    run = network.run("make", "--json", photos, "--output", other, "--cluster", "auto")
    assert run.code == 3
    assert run.statuses == {"a.jpg": "made", "b.png": "made", "c.webp": "made", "d.jpg": "failed"}
    assert run.err == ""
    assert files_below(one) == files_below(other)
    for name in files_below(one):
        assert (one / name).read_bytes() == (other / name).read_bytes()


@slow
def test_paths_are_relative_to_where_the_run_was_started(network: Network, photos: Path) -> None:
    tree(photos, "a.jpg")
    run = network.run("make", "photos", "-o", "out", "--cluster", "auto", cwd=photos.parent)
    assert (run.code, files_below(photos.parent / "out")) == (0, {"a.jpg"})


@slow
def test_a_list_of_paths_is_made_too(network: Network, photos: Path) -> None:
    tree(photos, "1/a.jpg", "2/a.jpg", "3/a.jpg")
    (photos / "list").write_text("1/a.jpg\n2/a.jpg\nnone.jpg\n")
    run = network.run(
        *("make", "photos", "--files-from", "photos/list", "-o", "out", "--cluster", "auto"),
        cwd=photos.parent,
    )
    assert (run.code, files_below(photos.parent / "out")) == (3, {"1/a.jpg", "2/a.jpg"})


@slow
def test_a_picture_is_made_under_the_limits_of_the_run(network: Network, photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    arguments = ["--max-pixels", "100", "--cluster", "auto", "--sandbox", "require"]
    run = network.run("make", "--json", photos, *arguments)
    assert {row["error"]["stage"] for row in run.rows} == {"limits"}


@slow
def test_nodes_reach_buckets(network: Network, tmp_path: Path, photos: Path) -> None:
    boto3 = pytest.importorskip("boto3", reason="the extra s3 is not installed")
    pytest.importorskip("moto.server", reason="moto with Flask is not installed")
    keys = [f"photos/{number % 3}/{number}.jpg" for number in range(40)]
    with network.head.entered(), serving(tmp_path, network.head.address) as (endpoint, log):
        login = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **login)
        client.create_bucket(Bucket="pictures")
        storage = Storage(endpoint, "pictures", client, log)
        photos_in(storage, tmp_path, *keys)
        options = ["--endpoint", endpoint, "--cluster", "auto"]
        with storage.counted() as count:
            places = "s3://pictures/photos", "-o", "s3://pictures/thumbs"
            run = network.run("make", *places, *options, "--header", "Cache-Control=no-cache")
        assert (run.code, run.err) == (0, "")
        assert storage.head("thumbs/0/0.jpg")["CacheControl"] == "no-cache"
        assert storage.keys("thumbs/") == sorted(key.replace("photos", "thumbs") for key in keys)
        assert (count["GET"], count["PUT"], count["HEAD"]) == (40, 40, 0)
        to_disk = network.run("make", "s3://pictures/photos", "-o", photos / "made", *options)
        assert to_disk.code == 0
        assert len(files_below(photos / "made")) == 40
        # Endpoint and region of who has started the run, though the nodes know neither.
        config = tmp_path / "config"
        config.write_text(f"[default]\nregion = eu-north-1\nendpoint_url = {endpoint}\n")
        run = network.run(
            *("make", "s3://pictures/photos", "-o", "s3://pictures/again", "--cluster", "auto"),
            environment={"AWS_CONFIG_FILE": str(config), "AWS_DEFAULT_REGION": ""},
        )
        assert (run.code, run.err) == (0, "")
        assert len(storage.keys("again/")) == 40
        elsewhere = network.run("make", "s3://nothing-there/photos", "-o", photos / "no", *options)
        assert (elsewhere.code, elsewhere.err) == (
            1,
            "thumbnailer: s3://nothing-there/photos: there is no such bucket\n",
        )


@slow
def test_a_node_without_credentials_is_named_with_what_it_lacks(
    network: Network, tmp_path: Path
) -> None:
    boto3 = pytest.importorskip("boto3", reason="the extra s3 is not installed")
    pytest.importorskip("moto.server", reason="moto with Flask is not installed")
    node = network.workers[0]
    node.kill()
    node.join(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    with network.head.entered(), serving(tmp_path, network.head.address) as (endpoint, log):
        login = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **login)
        client.create_bucket(Bucket="pictures")
        photos_in(Storage(endpoint, "pictures", client, log), tmp_path, "a.jpg")
        options = ["--endpoint", endpoint, "--cluster", "auto"]
        run = network.run("make", "s3://pictures", "-o", tmp_path / "thumbs", *options)
    node.kill()
    assert (run.code, run.err.count("\n")) == (1, 1)
    assert "node " in run.err
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in run.err


@slow
def test_a_node_dies_and_comes_back(network: Network, photos: Path) -> None:
    many(photos, 1200)
    going = Going(network, photos)
    with going.process:
        going.go_on(100)
        node = network.workers[1]
        node.kill()
        going.go_on(100)
        node.join()
        for _ in until(60, 0.2):
            if node.processes("pool", "forkserver"):  # it has work
                break
            going.go_on(10)  # a run whose rows nobody reads stands still
        assert going.end() == 0
    check_each_is_told_once(going, 1200)
    check_next_run(photos, 1200)


@slow
def test_all_nodes_are_gone_for_a_while(network: Network, going: Going, photos: Path) -> None:
    for node in network.workers:
        node.kill()
    time.sleep(8)
    network.workers[0].join()
    assert going.end() == 0
    check_each_is_told_once(going)
    check_next_run(photos)


@slow
def test_processes_of_ray_are_killed(network: Network, going: Going, photos: Path) -> None:
    for node in network.workers * 2:
        node.kill("ray::run", "ray::IDLE")
        going.go_on(100)
    assert going.end() == 0
    check_each_is_told_once(going)
    check_next_run(photos)


@slow
def test_a_picture_that_takes_its_node_s_process_along_fails_alone(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*(f"quick {n}" for n in range(40)), "kill-ray", *(f"quick {n}" for n in range(40, 80))]
    outcomes = list(over(network, monkeypatch, map(job, names)))
    assert sorted(one.source.path for one in outcomes) == sorted(names)
    (failed,) = [one for one in outcomes if one.status == "failed"]
    assert failed.source.path == "kill-ray"
    assert failed.error
    assert failed.error.reason == (
        "crashed: the node or the process of the cluster that had it died, 4 times"
    )


@slow
def test_results_come_while_the_source_has_nothing_to_give(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = threading.Event()

    def items() -> Iterator[Job]:
        yield job("good")
        assert taken.wait(60), "nothing came"
        yield job("good")

    for _ in over(network, monkeypatch, items()):
        taken.set()


def over(network: Network, monkeypatch: pytest.MonkeyPatch, items: Any) -> Iterator[Any]:
    """The outcomes of jobs on the nodes, which do what their names say."""
    for name, value in network.environment.items():
        monkeypatch.setenv(name, value)
    with (
        network.head.entered(),
        RayCluster(network.address, Settings(), None, "support.ray_work") as cluster,
    ):
        yield from cluster.imap_unordered(items)


@slow
def test_a_killed_run_leaves_nothing_running(network: Network, going: Going, photos: Path) -> None:
    going.process.kill()
    for node in network.workers:
        node.is_rid_of("ray::run", "forkserver")
    again = network.run("make", "--json", photos, "--cluster", network.address)
    assert again.code == 0
    assert again.summary["current"] > 100
    check_complete(photos)


@slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "hung"])
def test_the_head_is_lost_and_the_run_repeated(
    network: Network, photos: Path, number: signal.Signals
) -> None:
    many(photos)
    going = Going(network, photos)
    with going.process:
        going.go_on(100)
        network.head.kill("gcs_server", number=number)
        for node in network.workers:  # else a quick machine is done before the head is missed
            node.kill(number=signal.SIGSTOP)
        assert going.end() == 1
    told = going.err.decode()
    assert told.startswith(f"thumbnailer: the cluster's head at {network.address} is lost")
    assert "run the same command again" in told
    assert going.summary["found"] == len(going.rows) - 1
    network.head.kill("gcs_server")
    network.mend()
    again = network.run("make", "--json", photos, "--cluster", network.address)
    assert again.code == 0
    check_complete(photos)


@slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run(network: Network, going: Going, number: int) -> None:
    going.process.send_signal(number)
    assert going.end() == 128 + number
    assert going.summary["found"] == len(going.rows) - 1
    assert going.err == b""
    for node in network.workers:
        node.is_rid_of("ray::run", "forkserver")


@slow
def test_a_folder_that_only_some_nodes_have(network: Network, photos: Path) -> None:
    tree(photos, "a.jpg")
    node = network.workers[0]
    node.kill()
    node.join(before=f"mount -t tmpfs none {photos}")
    run = network.run("make", photos, "--cluster", "auto")
    assert run.code == 1
    assert run.err.startswith(f"thumbnailer: node {socket.gethostname()}: ")
    assert f"there is no {photos}/a.jpg: every node needs the pictures at that path" in run.err
    output = photos.parent / "out"
    output.mkdir()
    node.kill()
    node.join(before=f"mount -t tmpfs none {output}")
    run = network.run("make", photos, "-o", output, "--cluster", "auto")
    assert run.code == 1
    assert f"{output} is not the folder that this run writes to" in run.err
    node.kill()
    node.join(before=f"mount --bind {photos} {photos} && mount -o remount,ro,bind {photos}")
    run = network.run("make", photos, "--cluster", "auto")
    assert run.code == 1
    assert f"{photos} can't be written" in run.err
    node.kill()


@slow
def test_a_node_with_another_version(network: Network, photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    node = network.workers[0]
    other = tmp_path / "pillow-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: pillow\nVersion: 1.0\n")
    node.kill()
    node.join(PYTHONPATH=str(tmp_path))
    run = network.run("make", photos, "--cluster", "auto")
    assert run.code == 1
    assert "Pillow 1.0, Python 3" in run.err
    assert "this run needs thumbnailer" in run.err
    shutil.rmtree(other)
    (tmp_path / "thumbnailer.py").write_text("raise ImportError")
    node.kill()
    node.join(PYTHONPATH=str(tmp_path))
    run = network.run("make", photos, "--cluster", "auto", cwd=photos)
    assert run.code == 1
    assert "a node has no thumbnailer that works" in run.err
    node.kill()


@slow
@pytest.mark.parametrize(
    "environment", [{"RAY_AUTH_TOKEN": "0" * 32}, {"RAY_AUTH_MODE": ""}, {"RAY_AUTH_TOKEN": ""}]
)
def test_who_has_not_the_token_is_told_so(
    network: Network, photos: Path, environment: dict[str, str]
) -> None:
    tree(photos, "a.jpg")
    run = network.run("make", photos, "--cluster", network.address, environment=environment)
    assert run.code == 1
    assert "does not let this program in: RAY_AUTH_MODE must be token" in run.err.splitlines()[-1]


@slow
def test_a_program_calls_it_from_any_thread(network: Network, photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    script = (
        "import threading; from thumbnailer import make_thumbnails as make\n"
        "def work(): print(make('photos', cluster='auto', jobs=1, force=True).made)\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()\n"
        "import ray; ray.init(address='auto', logging_level='ERROR')\n"
        "work(); print(ray.is_initialized())\n"
    )
    done = subprocess.run(
        ["ip", "netns", "exec", network.head.space, sys.executable, "-c", script],
        env=network.environment,
        cwd=photos.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split() == ["2", "2", "True"], done.stderr


@needs_ray
def test_an_address_where_nothing_answers(photos: Path) -> None:
    tree(photos, "a.jpg")
    with pytest.raises(ThumbnailError, match=r"nothing answers at 127\.0\.0\.1:1"):
        list(iter_thumbnails(photos, cluster="127.0.0.1:1"))


@needs_ray
def test_where_there_is_nothing_to_do_no_cluster_is_needed(photos: Path) -> None:
    tree(photos, "a.jpg")
    assert thumbnailer("make", photos).code == 0
    assert thumbnailer("make", photos, "--cluster", "127.0.0.1:1").code == 0


def test_without_ray_the_extra_is_named(photos: Path) -> None:
    tree(photos, "a.jpg")
    script = (
        "import importlib.util, sys\n"
        "real = importlib.util.find_spec\n"
        "def found(name, *rest): return None if name == 'ray' else real(name, *rest)\n"
        "importlib.util.find_spec = found\n"
        "from thumbnailer.__main__ import main\n"
        f"sys.argv[1:] = ['make', {os.fspath(photos)!r}, '--cluster', 'auto']\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (f"thumbnailer: cluster = 'auto': needs Ray: {install_hint('ray')}\n")


@pytest.mark.parametrize("address", ["local", "ray://host:1", "host", "http://a:1", "a b:1", ":1"])
def test_what_is_no_address(address: str) -> None:
    run = thumbnailer("make", ".", "--cluster", address)
    assert run.code == 2
    assert run.err.startswith(f"thumbnailer: --cluster {address}: must be")
