"""The benchmark's own measures, and that it runs from end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageFilter
from support import ray_cluster, weed_server
from support.marks import needs_proc, posix_only
from support.pictures import picture
from support.project import PROJECT, SAMPLES, TESTS

from .tasks import Task

pytestmark = posix_only

PATTERN = "**/{stem}.*{ending}"

# A grandchild that nobody waits for: it holds 200 MiB and works for half a second.
ORPHAN = """
import subprocess, sys, time
work = '''
import time
held = b"x" * (200 << 20)
while time.process_time() < 0.5: pass
time.sleep(0.2)
'''
subprocess.Popen([sys.executable, "-c", work])
"""


# It waits for all children of its process, of which this one may have some that stay.
MEASURE = """
import sys
from bench.measure import run
cost = run([[sys.executable, "-c", sys.argv[1]]])
print(cost.cpu_s, cost.memory_mib, cost.own_mib)
"""


def measured(code: str) -> tuple[float, ...]:
    """The processor time (s) of a program and all that it starts, their memory, its own (MiB)."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, code],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return tuple(map(float, done.stdout.split()))


@needs_proc
def test_what_descendants_take_counts_even_if_nobody_waits_for_them() -> None:
    cpu_s, memory_mib, own_mib = measured(ORPHAN)
    assert cpu_s >= 0.5
    assert memory_mib >= 200
    assert own_mib < 100


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="CalledProcessError"):
        measured("raise SystemExit(1)")


def test_thumbnails_that_are_missing_or_blurred_are_noticed(tmp_path: Path) -> None:
    judging = pytest.importorskip("bench.judging", reason="needs numpy")
    sources, output = tmp_path / "sources", tmp_path / "output"
    task = Task(sources, output, (200,), 1, 1)
    output.mkdir()
    sources.mkdir()
    with Image.open(SAMPLES / "progressive-sunset.jpg") as image:
        image.save(sources / "0.jpg")
        image.thumbnail((200, 200))
        image.save(output / "0.jpg", quality=90)
        sharp = judging.judged(task, PATTERN)
        image.filter(ImageFilter.GaussianBlur(1)).save(output / "0.jpg", quality=90)
    assert judging.judged(task, PATTERN).mean < sharp.mean - 0.01
    with pytest.raises(judging.NotMadeError):
        judging.judged(replace(task, sizes=(100,)), PATTERN)
    picture(sources / "1.jpg")
    with pytest.raises(judging.NotMadeError):
        judging.judged(task, PATTERN)


def bench(cache: Path, *options: str) -> None:
    command = [sys.executable, "-m", "tests.bench", *options]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, timeout=300)


@pytest.mark.slow
@needs_proc
def test_it_runs_from_end_to_end(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    who = ["thumbnailer", "script", "floor"]
    chosen = [option for name in who for option in ("--contestant", name)]
    bench(tmp_path, "--quick", "--only", "small", "--results", str(tmp_path / "results"), *chosen)
    results = json.loads((tmp_path / "results" / "bench.json").read_text())
    (case,) = results["cases"]
    assert case["case"] == "small-75"
    assert case["pictures"] == 400
    rows = case["contestants"]
    assert [row["name"] for row in rows] == who
    assert [row["trouble"] for row in rows] == ["", "", ""]
    assert all(row["median"]["cpu_s"] > 0.1 for row in rows)
    assert all(row["median"]["memory_mib"] > 10 for row in rows)
    assert rows[0]["cpu_to_ours"] == rows[2]["cpu_to_floor"] == 1
    assert all(row["ssim"]["lowest"] > 0.9 for row in rows[:2])
    chart = ElementTree.parse(tmp_path / "results" / "bench.svg")
    words = [text.text for text in chart.iter("{http://www.w3.org/2000/svg}text")]
    assert {*who} <= {*words}


@pytest.mark.slow
@needs_proc
def test_scale_runs_from_end_to_end(tmp_path: Path) -> None:
    bench(tmp_path, "scale", "--files", "500,2000", "--results", str(tmp_path / "results"))
    rows = json.loads((tmp_path / "results" / "scale.json").read_text())["scale"]
    assert [row["files"] for row in rows] == [500, 2000]
    for row in rows:
        assert row["first_thumbnail_s"] > 0
        for name in ("dry_run", "unchanged", "empty_work"):
            assert row[name]["cpu_s"] > 0
    for name in ("cpu", "memory"):
        ElementTree.parse(tmp_path / "results" / f"scale-{name}.svg")


@pytest.mark.slow
def test_one_picture_and_waiting_workers_run_from_end_to_end(tmp_path: Path) -> None:
    bench(tmp_path, "one", "--rounds", "1")
    bench(tmp_path, "workers", "--workers", "2", "--milliseconds", "5")


@pytest.mark.extra
def test_buckets_run_from_end_to_end(tmp_path: Path) -> None:
    if reason := weed_server.hindrance():
        pytest.skip(reason)
    bench(tmp_path, "buckets", "--rounds", "1", "--pictures", "4", "--milliseconds", "1")


@pytest.mark.extra
@pytest.mark.slow
@pytest.mark.xdist_group("one_network")
def test_shards_and_a_cluster_run_from_end_to_end(tmp_path: Path) -> None:
    if reason := ray_cluster.hindrance():
        pytest.skip(reason)
    bench(tmp_path, "cluster", "--rounds", "1", "--pictures", "100,200")
