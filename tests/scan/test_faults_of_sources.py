"""Sources that change, vanish or are no files, and inputs without end."""

from __future__ import annotations

import os
import queue
import random
import re
import shutil
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image
from support.marks import needs_proc
from support.pictures import corners, picture, tree
from support.processes import RESTRICTED, copies, finish, make_to_the_end, start, start_make
from support.program import THUMBNAILER
from support.waiting import eventually

from thumbnailer import iter_thumbnails

pytestmark = needs_proc


MEMORY = """
import itertools, sys, time
from thumbnailer import iter_thumbnails

folder, number, first, taken = sys.argv[1], *map(int, sys.argv[2:])

def resident_mib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

read = 0
def paths():
    global read
    for read in range(1, number + 1):
        yield f"{folder}/{read - 1:04}.jpg"

outcomes = iter_thumbnails(paths(), jobs=2)
count = sum(1 for _ in itertools.islice(outcomes, first))
before = resident_mib()
count += sum(1 for _ in itertools.islice(outcomes, taken - first))
time.sleep(0.5)
print(count, read, resident_mib() - before)
"""


@pytest.mark.parametrize("there", [1, 1000], ids=["missing files", "pictures"])
@pytest.mark.few(1)
def test_a_caller_who_stops_taking_stops_the_reading(photos: Path, there: int) -> None:
    copies(photos, there)
    with start(sys.executable, "-c", MEMORY, photos, "1_000_000", "100", "500") as started:
        run = finish(started, photos, complete=False)
    count, read, growth_mib = map(float, run.out.split())
    assert count == 500
    assert read <= 500 + 200
    assert growth_mib < 20


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_failures(photos: Path) -> None:
    """Between 20,000 and 60,000; 30 bytes kept of each would be a megabyte."""
    with start(sys.executable, "-c", MEMORY, photos, "60_000", "20_000", "60_000") as started:
        run = finish(started, complete=False, seconds=120)
    count, _, growth_mib = map(float, run.out.split())
    assert count == 60_000
    assert growth_mib < 1


@contextmanager
def meanwhile(do: Callable[[], object]) -> Iterator[None]:
    """Call something again and again in a thread."""
    over = threading.Event()
    errors = []

    def repeat() -> None:
        try:
            while not over.is_set():
                do()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not errors, errors


def vanish(path: Path) -> None:
    path.unlink()


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def become_unreadable(path: Path) -> None:
    path.unlink()
    shutil.copy(path.parent / "0000.jpg", path)
    path.chmod(0)


@pytest.mark.parametrize(
    "change",
    [vanish, become_a_folder, become_a_pipe, become_a_link_to_nothing, become_unreadable],
)
@pytest.mark.few(1)
def test_sources_that_change_their_nature_between_scan_and_reading(
    photos: Path, change: Callable[[Path], None]
) -> None:
    if change is become_unreadable and os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    sources = copies(photos, 300, (1280, 960))
    # From the last to the first, so as to meet the run halfway.
    victims = [Path(source) for source in sorted(sources)[1:]]
    command = [*THUMBNAILER, "make", "--json", "-j", "2", str(photos)]
    if change is become_unreadable and os.geteuid() == 0:
        command = RESTRICTED + command

    def change_one() -> None:
        if victims:
            change(victims.pop())
        threading.Event().wait(0.002)

    with start(*command) as started:
        eventually(lambda: started.printed().count("\n") > 5)
        with meanwhile(change_one):
            eventually(started.is_over, seconds=60)
        run = finish(started, photos)
    assert {row["source"] for row in run.rows} == sources
    # A pipe or a link in place of a file is skipped if the scan sees it, failed if a worker does.
    spoilt = [row for row in run.rows if row["status"] in ("skipped", "failed")]
    assert run.code == (3 if run.summary["failed"] else 0)
    assert run.summary["made"] + len(spoilt) == 300
    assert spoilt, "the run was over too soon"
    assert all(row["error"]["reason"] for row in spoilt)


@contextmanager
def special_files(folder: Path) -> Iterator[dict[str, str]]:
    """Files that are no pictures, with the reason for each; reading some of them never ends."""
    os.mkfifo(folder / "pipe.jpg")
    (folder / "nothing.jpg").symlink_to("nowhere")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    reasons = {
        "pipe.jpg": "is a device, pipe or socket, not a file",
        "socket.jpg": "is a device, pipe or socket, not a file",
        "nothing.jpg": "is a link to nothing",
        "loop.jpg": "can't be read: Too many levels of symbolic links",
    }
    if os.geteuid() == 0:
        os.mknod(folder / "zero.jpg", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        reasons["zero.jpg"] = "is a device, pipe or socket, not a file"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket.jpg"))
        yield reasons


def test_special_files_among_an_iterable_of_paths_are_failures(photos: Path) -> None:
    tree(photos, "a.jpg")
    with special_files(photos) as reasons:
        outcomes = list(iter_thumbnails(sorted(photos.iterdir())))
    statuses = {os.path.basename(o.source): o.status for o in outcomes}
    assert statuses == {"a.jpg": "made", **dict.fromkeys(reasons, "failed")}
    assert {os.path.basename(o.source): o.error.reason for o in outcomes if o.error} == reasons


def test_special_files_named_on_the_command_line_end_the_run_before_it_starts(
    photos: Path,
) -> None:
    tree(photos, "a.jpg")
    with special_files(photos) as reasons:
        for name in reasons:
            with start_make(photos / "a.jpg", photos / name) as started:
                run = finish(started, seconds=10)
            assert run.code == 1
            assert re.fullmatch(f"thumbnailer: {photos / name}: .+\n", run.err)
    assert not (photos / "thumbs").exists()


_FULL, _NONE = (True, False), (False, True)
COLOURS = {
    "red": [_FULL, _NONE, _NONE],
    "lime": [_NONE, _FULL, _NONE],
    "blue": [_NONE, _NONE, _FULL],
}


def one_colour(path: Path) -> str | None:
    """The colour of a picture; None if it is not of one colour."""
    with Image.open(path) as image:
        bands = [band.getextrema() for band in image.convert("RGB").split()]
    # JPEG is off by a unit or two.
    found = [(low > 240, high < 15) for low, high in bands]  # type: ignore[operator]
    return next((name for name, bands in COLOURS.items() if bands == found), None)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("how", ["rewritten", "renamed"])
def test_a_thumbnail_shows_the_last_content_of_a_source_that_changes_while_it_is_read(
    photos: Path, tmp_path: Path, how: str, seed: int
) -> None:
    # All of the same length: only the time tells one state from another.
    contents = {}
    for colour in COLOURS:
        Image.new("RGB", (800, 600), colour).save(tmp_path / "one.bmp")
        contents[colour] = (tmp_path / "one.bmp").read_bytes()
    names = [f"{number}.bmp" for number in range(150)]
    last = dict.fromkeys(names, "red")
    for name in names:
        (photos / name).write_bytes(contents["red"])
    being_read: queue.SimpleQueue[str] = queue.SimpleQueue()
    chance = random.Random(seed)

    def change_one() -> None:
        with suppress(queue.Empty):
            name = being_read.get(timeout=0.1)
            for _ in range(chance.randint(1, 2)):
                time.sleep(chance.uniform(0, 0.01))
                last[name] = chance.choice([*COLOURS])
                if how == "renamed":
                    (tmp_path / "new").write_bytes(contents[last[name]])
                    (tmp_path / "new").replace(photos / name)
                else:
                    with open(photos / name, "r+b", buffering=0) as file:
                        file.write(contents[last[name]])

    def paths() -> Iterator[Path]:
        for name in names:
            being_read.put(name)
            yield photos / name

    with meanwhile(change_one):
        outcomes = list(iter_thumbnails(paths(), jobs=1))
        eventually(being_read.empty)
    assert len({outcome.source for outcome in outcomes}) == len(outcomes) == 150
    reasons = {outcome.error.reason for outcome in outcomes if outcome.error}
    assert reasons <= {"keeps changing while it is read"}
    run = make_to_the_end(photos)
    assert run.summary["made"] + run.summary["current"] == 150
    assert {name: one_colour(photos / "thumbs" / f"{name}.jpg") for name in names} == last


def test_a_picture_in_the_middle_of_a_write_is_not_taken_for_what_it_becomes(photos: Path) -> None:
    """A write sets the new time before it has copied the data, which takes it 0.1 s at most."""
    for number in range(20):
        folder = photos / str(number)
        folder.mkdir()
        if seconds_of_a_write_with_a_run_in_it(folder) < 0.09:
            with Image.open(folder / "thumbs" / "1.bmp.jpg") as image:
                assert corners(image) == ["red"] * 4
            return
    pytest.fail("each write took too long: this machine is too busy")


def seconds_of_a_write_with_a_run_in_it(folder: Path) -> float:
    """Make a blue picture red in two steps, while a run makes its thumbnail."""
    first = picture(folder / "0.bmp", (600, 400))
    target = folder / "1.bmp"
    Image.new("RGB", (600, 400), "red").save(folder / "red.bmp")
    Image.new("RGB", (600, 400), "blue").save(target)
    red = (folder / "red.bmp").read_bytes()
    seconds: list[float] = []

    def half_written() -> Iterator[Path]:
        yield first
        eventually((folder / "thumbs" / "0.bmp.jpg").exists)  # its worker waits for more
        with target.open("r+b") as file:
            file.write(red[: len(red) // 2])
        now = time.time_ns()
        os.utime(target, ns=(now, now))

        def write_the_rest() -> None:
            with target.open("r+b") as file:
                file.write(red)
            os.utime(target, ns=(now, now))
            seconds.append((time.time_ns() - now) / 1e9)

        threading.Timer(0.04, write_the_rest).start()
        yield target

    list(iter_thumbnails(half_written(), jobs=1))
    eventually(lambda: bool(seconds))
    return seconds[0]
