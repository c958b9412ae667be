"""A `Thumbnailer`: pictures from strangers, in a program that goes on whatever they contain."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.bombs import png
from support.marks import needs_proc
from support.pictures import picture
from support.processes import finish, group_of, start
from support.waiting import until

from thumbnailer import (
    ConfigError,
    OutputError,
    PictureError,
    SourceError,
    Thumbnailer,
    WorkerError,
    make_sizes,
    make_thumbnail,
)


@pytest.fixture(scope="module")
def thumbnailer() -> Iterator[Thumbnailer]:
    with Thumbnailer(size=64, jobs=2) as one:
        yield one


# What takes seconds.
SLOW: Any = {"size": 4000, "upscale": True, "format": "avif", "quality": 100}


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return picture(tmp_path / "a.jpg", (640, 480)).read_bytes()


def test_it_makes_what_is_made_in_this_process(
    thumbnailer: Thumbnailer, content: bytes, tmp_path: Path
) -> None:
    assert thumbnailer.make(content) == make_thumbnail(content, size=64)
    for source in (io.BytesIO(content), tmp_path / "a.jpg", str(tmp_path / "a.jpg")):
        made = thumbnailer.make(source, size=32, format="webp")
        assert made == make_thumbnail(content, size=32, format="webp")
        assert (made.format, made.width) == ("webp", 32)
    sizes = {"a": 16, "b": {"size": "x40", "format": "png"}}
    assert thumbnailer.make_sizes(content, sizes) == make_sizes(content, sizes)


def test_it_writes_to_files(thumbnailer: Thumbnailer, content: bytes, tmp_path: Path) -> None:
    made = thumbnailer.make(content, tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes() == made.data
    assert (made.path, made.format) == (str(tmp_path / "b.png"), "png")
    file = io.BytesIO()
    assert thumbnailer.make(content, file).data == file.getvalue()


def test_its_format_is_that_of_its_settings_unless_an_ending_says_more(
    content: bytes, tmp_path: Path
) -> None:
    with Thumbnailer(format="webp") as one:
        assert one.make(content).format == "webp"
        assert one.make(content, tmp_path / "b.gif").format == "gif"


def test_what_goes_wrong_is_told_as_in_this_process(
    thumbnailer: Thumbnailer, content: bytes, tmp_path: Path
) -> None:
    with pytest.raises(PictureError) as raised:
        thumbnailer.make(b"text")
    assert str(raised.value) == "<content>: open: is text, no picture"
    with pytest.raises(PictureError, match="limits: has 640 x 480 px"):
        thumbnailer.make(content, max_pixels=9)
    with pytest.raises(SourceError, match="no such file"):
        thumbnailer.make(tmp_path / "missing.jpg")
    with pytest.raises(OutputError, match="No such file or directory"):
        thumbnailer.make(content, tmp_path / "no" / "b.jpg")
    with pytest.raises(ConfigError, match="size = 0"):
        thumbnailer.make(content, size=0)
    with (
        Thumbnailer(sizes={"a": 8, "b": 9}) as one,
        pytest.raises(ConfigError, match=r"sizes = .*: is more than one"),
    ):
        one.make(content)
    with pytest.raises(ConfigError, match="jbos = 2: there is no such setting"):
        Thumbnailer(jbos=2)  # type: ignore[call-arg]


def test_a_picture_that_takes_too_long_fails_and_others_are_made(content: bytes) -> None:
    with Thumbnailer(jobs=1, timeout=0.7) as one:
        with pytest.raises(PictureError) as raised:
            one.make(content, **SLOW)
        assert raised.value.stage == "timeout"
        assert str(raised.value) == "<content>: timeout: took longer than 0.7 s"
        assert one.make(content).width == 256


def test_a_picture_that_takes_too_much_memory_fails(content: bytes) -> None:
    with Thumbnailer(jobs=1, worker_memory=32) as one:
        with pytest.raises(PictureError, match="memory"):
            one.make(png(7000))
        assert one.make(content).width == 256


def workers() -> list[int]:
    """The processes that the fork server of this one has forked."""
    everyone = group_of(os.getpgid(0))
    servers = [
        pid
        for pid, parent in everyone.items()
        if parent == os.getpid() and b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return [pid for pid, parent in everyone.items() if parent in servers]


@needs_proc
def test_a_picture_that_takes_its_workers_along_fails_and_others_are_made(content: bytes) -> None:
    others = {*workers()}
    with Thumbnailer(jobs=1) as one, ThreadPoolExecutor(1) as executor:
        assert one.make(content)
        future = executor.submit(one.make, content, **SLOW)
        for _ in until(60, pause_seconds=0.1):
            for pid in {*workers()} - others:
                os.kill(pid, signal.SIGKILL)
            if future.done():
                break
        error = future.exception()
        assert isinstance(error, PictureError)
        assert error.stage == "crashed"
        assert "SIGKILL" in error.reason
        assert not error.reason.startswith("crashed")
        assert one.make(content).width == 256


def test_many_threads_use_it_at_once_and_each_gets_its_own(thumbnailer: Thumbnailer) -> None:
    def upload(number: int) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (100 + number, 50), (number, 0, 0)).save(file, "PNG")
        return file.getvalue()

    contents = {number: upload(number) for number in range(40)}
    with ThreadPoolExecutor(16) as executor:
        made = executor.map(lambda one: thumbnailer.make(one, format="png"), contents.values())
        for number, one in zip(contents, made, strict=True):
            assert one == make_thumbnail(contents[number], size=64, format="png")


def test_the_event_loop_goes_on_meanwhile(thumbnailer: Thumbnailer, content: bytes) -> None:
    async def serve() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.create_task(tick())
        made = await asyncio.gather(*(thumbnailer.make_async(content, size=n) for n in (8, 16, 32)))
        assert [one.width for one in made] == [8, 16, 32]
        with pytest.raises(PictureError):
            await thumbnailer.make_async(b"text")
        ticking.cancel()
        return ticks

    with ThreadPoolExecutor() as threads:  # the tests of pages leave a loop behind in this one
        assert threads.submit(asyncio.run, serve()).result() > 0


def test_once_closed_it_makes_no_more(content: bytes) -> None:
    one = Thumbnailer()
    assert one.make(content)
    one.close()
    one.close()
    with pytest.raises(WorkerError, match="is closed"):
        one.make(content)
    never_used = Thumbnailer()
    never_used.close()


def test_closing_ends_what_other_threads_are_making(content: bytes) -> None:
    one, started = Thumbnailer(jobs=1), threading.Event()

    def make() -> None:
        started.set()
        one.make(content, **SLOW)

    with ThreadPoolExecutor(3) as executor:
        futures = [executor.submit(make) for _ in range(3)]
        started.wait()
        one.close()
        for future in futures:
            assert isinstance(future.exception(60), WorkerError)


@needs_proc
def test_one_that_is_dropped_leaves_no_worker(content: bytes) -> None:
    before = {*workers()}
    one = Thumbnailer(jobs=1)
    assert one.make(content)
    assert {*workers()} - before
    del one
    for _ in until(30, pause_seconds=0.01):
        if not {*workers()} - before:
            break


BEGIN = """
import io, os, sys, threading, time
from PIL import Image
from thumbnailer import Thumbnailer
file = io.BytesIO()
Image.effect_noise((320, 240), 50).save(file, "JPEG")
content = file.getvalue()
thumbnailer = Thumbnailer(size=64, jobs=2)
"""

LEAVE_OPEN = "print(thumbnailer.make(content).width)"

LEAVE_BUSY = """
from contextlib import suppress
from thumbnailer import WorkerError
def make():
    with suppress(WorkerError):
        while True:
            thumbnailer.make(content)
for _ in range(4):
    threading.Thread(target=make, daemon=True).start()
print(thumbnailer.make(content).width)
"""


@needs_proc
@pytest.mark.parametrize("code", [LEAVE_OPEN, LEAVE_BUSY], ids=["idle", "busy"])
def test_a_program_may_end_without_closing_it(code: str) -> None:
    with start(sys.executable, "-c", BEGIN + code) as started:
        run = finish(started, complete=False)
    assert (run.code, run.out, run.err) == (0, "64\n", "")


FORK = """
def child(count):
    made = [thumbnailer.make(content).width for _ in range(count)]
    thumbnailer.close()
    assert made == [64] * count

if "used" in sys.argv:
    thumbnailer.make(content)
if "busy" in sys.argv:
    def go_on():
        while True:
            thumbnailer.make(content)
    for _ in range(3):
        threading.Thread(target=go_on, daemon=True).start()
    time.sleep(0.2)
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        try:
            child(5)
            os._exit(0)
        finally:
            os._exit(1)
    assert thumbnailer.make(content).width == 64
    print(os.waitpid(pid, 0)[1], thumbnailer.make(content).width, flush=True)
os._exit(0) if "busy" in sys.argv else None
"""


@needs_proc
@pytest.mark.parametrize("state", ["unused", "used", "busy"])
def test_a_forked_process_has_workers_of_its_own(state: str) -> None:
    words = [sys.executable, "-W", "ignore", "-c", BEGIN + FORK, state]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr, done.returncode) == ("0 64\n" * 3, "", 0)


LEAKS = """
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
def used():
    return len(os.listdir("/proc/self/fd")), threading.active_count()
def make(count):
    for number in range(count):
        try:
            thumbnailer.make(content if number % 4 else b"text")
        except Exception as error:
            assert "no picture" in str(error)
make(200)
before, memory = used(), rss()
make(1000)
assert used() == before, (used(), before)
print((rss() - memory) >> 20)
"""


@needs_proc
@pytest.mark.slow
def test_a_thousand_calls_leak_nothing() -> None:
    words = [sys.executable, "-c", BEGIN + LEAKS]
    done = subprocess.run(words, capture_output=True, text=True, timeout=200)
    assert done.stderr == ""
    assert int(done.stdout) <= 2  # MiB
