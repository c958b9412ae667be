"""What pictures may take of the memory: each worker for itself, and all of them together."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.pictures import noise, picture
from support.pools import answers, job, pool
from support.program import make

from thumbnailer.engine.memory_budget import MemoryBudget
from thumbnailer.engine.worker import Worker
from thumbnailer.engine.worker_main import PoolOptions
from thumbnailer.model import Failure, Rendering

MIB = 1 << 20


def slow(*values: str) -> object:
    return pytest.param(*values, marks=pytest.mark.slow)


linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


@linux_only
def test_a_worker_that_takes_too_much_memory_fails_alone() -> None:
    said = dict(answers(f"hog {100 * MIB}", f"hog {500 * MIB}", f"hog {9 << 30}"))
    assert said[f"hog {100 * MIB}"] == b""
    for size in (500 * MIB, 9 << 30):
        error = said[f"hog {size}"]
        assert isinstance(error, Failure)
        assert "MemoryError" in error.reason


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc's malloc")
def test_a_worker_reuses_the_memory_of_the_picture_before() -> None:
    ((_, faults),) = answers("again")
    assert isinstance(faults, bytes)
    assert int(faults) < 1000  # of 10,700 pages


@linux_only
def test_a_worker_leaves_no_core_dump_and_can_not_raise_its_limits() -> None:
    ((_, limits),) = answers("limits")
    assert isinstance(limits, bytes)
    rows = {line[:26].strip(): line[26:].split() for line in limits.decode().splitlines()}
    assert rows["Max core file size"][:2] == ["0", "0"]
    soft, hard = rows["Max address space"][:2]
    assert int(soft) == int(hard) < 1200 * MIB


def overlapping(spans: list[tuple[float, float, int]]) -> int:
    """The most that was claimed at the same time."""
    changes = sorted(
        change for begin, end, size in spans for change in ((begin, 1, size), (end, 0, -size))
    )
    most = now = 0
    for _, _, size in changes:
        now += size
        most = max(most, now)
    return most


def test_large_pictures_are_decoded_together_only_as_far_as_memory_reaches() -> None:
    sizes = [30, 40, 60, 25, 70, 10, 90, 35, 45, 55] * 3
    names = [f"claim {size * MIB} {number}" for number, size in enumerate(sizes)]
    spans = []
    for name, data in answers(*names, memory_bytes=200 * MIB):  # half of it is to be claimed
        assert isinstance(data, bytes)
        begin, end = map(float, data.split())
        spans.append((begin, end, int(name.split()[1])))
    claimed = [span for span in spans if span[2] > 25 * MIB]
    assert overlapping(claimed) <= 100 * MIB
    assert overlapping(spans) > 60 * MIB, "what fits is done at the same time"


def test_one_that_is_larger_than_all_the_memory_is_made_alone() -> None:
    names = [f"claim {900 * MIB} {number}" for number in range(6)]
    spans = sorted(
        tuple(map(float, data.split()))
        for _, data in answers(*names, memory_bytes=100 * MIB)
        if isinstance(data, bytes)
    )
    assert len(spans) == 6
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


def test_a_worker_that_dies_gives_back_what_it_has_claimed() -> None:
    names = [f"claim-kill {90 * MIB} {number}" for number in range(4)]
    said = answers(*names, f"claim {90 * MIB}", memory_bytes=200 * MIB)
    assert [isinstance(error, Failure) for _, error in said].count(True) == 4


def test_waiting_for_memory_takes_nobody_s_time_out_away() -> None:
    names = [f"claim {90 * MIB} {number}" for number in range(30)]  # 1.5 s in all
    with pool(workers=4, timeout_s=1, memory_bytes=100 * MIB) as workers:
        outcomes = list(workers.imap_unordered(map(job, names)))
    assert [outcome.status for outcome in outcomes] == ["made"] * 30


def test_a_wait_longer_than_the_time_out_does_not_count() -> None:
    timeout_s = 1.0
    options = PoolOptions(1, timeout_s, 1 << 30, 100 * MIB, "off", result=None)
    worker, budget = Worker("support.pool_work:work", options), MemoryBudget(100 * MIB)
    try:
        worker.wait_until_ready()
        taken = budget.acquire(100 * MIB)
        threading.Timer(timeout_s * 1.2, budget.release, [taken]).start()
        (answer,) = worker.run_jobs([job(f"claim {90 * MIB}")], budget)
    finally:
        worker.close()
    assert isinstance(answer.result, Rendering)


def test_leaving_while_others_wait_for_memory() -> None:
    names = [f"claim {90 * MIB} {number}" for number in range(50)]
    with pool(workers=4, memory_bytes=100 * MIB) as workers:
        next(workers.imap_unordered(map(job, names)))
    assert not [thread for thread in threading.enumerate() if "Pool" in thread.name]


def test_large_answers_arrive_whole() -> None:
    sizes = [0, 1, 15_000, 16_000, 32_000, 5_000_000, 40_000_000]
    sizes += range(15_800, 16_001, 7)  # around the size of a piece, with all that is around it
    for name, data in answers(*(f"large {size}" for size in sizes)):
        assert isinstance(data, bytes)
        assert len(data) == int(name.split()[1])


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "RGB", {}),
        ("a.webp", "RGB", {"lossless": True}),
        ("a.webp", "RGBA", {"quality": 1}),
        ("a.webp", "RGB", {"quality": 1}),
        ("a.tif", "CMYK", {}),
        ("a.jpg", "RGB", {"progressive": True}),
    ],
)
@pytest.mark.few(1)
def test_what_needs_more_than_a_worker_may_take_fails_by_its_header(
    photos: Path, name: str, mode: str, options: dict[str, int]
) -> None:
    picture(photos / name, (4000, 3000), mode, **options)
    run = make(photos, "--worker-memory", "32")
    assert run.rows[0]["error"]["stage"] == "limits"
    assert "to decode: more than the limit of 32 (worker_memory)" in run.rows[0]["error"]["reason"]
    assert make(photos, "--worker-memory", "512").code == 0


# Render a small picture, so that all is loaded, then a large one with so many MiB left for it.
SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from thumbnailer.model import Failure, Folder, Job, Source, WantedThumbnail
from thumbnailer.recipe import Box, Limits, Recipe
from thumbnailer.render.job import render

def rendered(path):
    wanted = WantedThumbnail(Folder("", ""), "", "a", Recipe(box=Box(64, 64)))
    return render(Job(Source(path, 0, 0), (wanted,), Limits(10**8, 60, 1 << 30)), id)

small, large, mebibytes = sys.argv[1:]
assert not isinstance(rendered(small), Failure)
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + (int(mebibytes) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
failure = rendered(large)
print(failure.reason, failure.lasts, failure.suspect)
"""


@linux_only
@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.jpg", "RGB", {"progressive": True}),
        ("a.png", "RGBA", {}),
        ("a.webp", "RGB", {}),
        ("a.webp", "RGBA", {"lossless": True}),
        ("a.avif", "RGB", {"speed": 10}),
        ("a.tif", "RGB", {"compression": "tiff_lzw"}),
    ],
)
def test_where_memory_is_short_a_picture_is_not_called_damaged(
    tmp_path: Path, name: str, mode: str, options: dict[str, Any]
) -> None:
    """Decoders call it invalid data. It is no fault of the picture, and may pass."""
    small = picture(tmp_path / f"small-{name}", (64, 48), mode, **options)
    image = noise((3000, 2000), 60).convert(mode)
    image.save(tmp_path / name, **options)
    command = [sys.executable, "-c", SHORT_OF_MEMORY, str(small), str(tmp_path / name), "12"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "not enough memory False True\n"


def test_a_jpeg_that_shrinks_on_load_needs_little(photos: Path) -> None:
    picture(photos / "a.jpg", (8000, 6000))
    assert make(photos, "--worker-memory", "64").code == 0


@linux_only
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.png", "RGBA"),
        ("a.jpg", "RGB"),
        *(slow("a.png", mode) for mode in ("1", "L", "LA", "P", "RGB", "I;16")),
        *(slow("a.tif", mode) for mode in ("RGB", "CMYK", "F", "LAB")),
        *(slow("a.jpg", mode) for mode in ("L", "CMYK")),
        slow("a.gif", "P"),
        slow("a.bmp", "RGB"),
        slow("a.avif", "RGBA"),
        slow("a.webp", "RGB"),
        slow("a.webp", "RGBA"),
    ],
)
@pytest.mark.few(1)
def test_what_is_estimated_suffices(photos: Path, name: str, mode: str) -> None:
    image = Image.linear_gradient("L").resize((3000, 2000))
    image = image.convert("I;16" if mode == "I;16" else "RGB" if mode == "LAB" else mode)
    if mode == "LAB":
        image = Image.merge("LAB", image.split())
    image.save(photos / name)
    reason = make(photos, "--worker-memory", "32", "-s", "2000").rows[0]["error"]
    if reason:  # it says what it needs; given that, and what Python wants for itself, it works
        assert reason["stage"] == "limits"
        needed = int(reason["reason"].split()[2])
        assert make(photos, "--worker-memory", str(needed + 24), "-s", "2000").code == 0


def test_the_header_of_a_huge_webp_is_enough(photos: Path) -> None:
    # 34 bytes for which Pillow would make room for 2 GB before it says how large it is.
    Image.new("RGB", (16383, 1)).save(photos / "a.webp", lossless=True)
    data = bytearray((photos / "a.webp").read_bytes())
    data[21:25] = (int.from_bytes(data[21:25], "little") | 0x3FFF << 14).to_bytes(4, "little")
    (photos / "a.webp").write_bytes(data)
    reason = make(photos).rows[0]["error"]["reason"]
    assert reason.startswith("has 16383 x 16384 px, 268 megapixels: more than the limit of 250")
