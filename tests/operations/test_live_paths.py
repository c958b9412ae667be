"""Paths that are a long time coming, or end in an exception: what is made of those before."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from support.pictures import files_below, picture, tree
from support.s3_server import Storage
from support.waiting import STALL_SECONDS, eventually

from thumbnailer import ConfigError, Outcome, iter_thumbnails

NAMES = [f"{number}.jpg" for number in range(9)]


class Paths:
    """An iterable that gives some paths, and then waits until it is told to go on."""

    def __init__(self, paths: list[Any], then: list[Any] | None = None) -> None:
        self._paths, self._then = paths, then or []
        self.go_on, self.waits = threading.Event(), threading.Event()
        self.threads = set[int]()

    def __iter__(self) -> Iterator[Any]:
        self.threads.add(threading.get_ident())
        for path in self._paths:
            yield path
            self.threads.add(threading.get_ident())
        self.waits.set()
        assert self.go_on.wait(4 * STALL_SECONDS)
        yield from self._then


@pytest.fixture
def files(photos: Path) -> list[Path]:
    tree(photos, *NAMES)
    return [photos / name for name in NAMES]


@pytest.mark.parametrize("number", [1, 2, 3, 9])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.few(4)
def test_what_is_done_comes_while_the_next_path_is_awaited(
    files: list[Path], number: int, again: bool
) -> None:
    if again:
        list(iter_thumbnails(files))
    paths = Paths(files[:number], files[number:])
    outcomes = iter_thumbnails(paths)
    seen = {next(outcomes).source.path for _ in range(number)}
    assert not paths.go_on.is_set()
    paths.go_on.set()
    seen |= {outcome.source.path for outcome in outcomes}
    assert seen == {*map(str, files)}
    assert len(paths.threads) == 1


def test_missing_paths_and_folders_come_so_too(photos: Path, files: list[Path]) -> None:
    paths = Paths([photos / "none.jpg", photos, photos / "none either"])
    outcomes = iter_thumbnails(paths)
    statuses = sorted(next(outcomes).status for _ in range(11))
    assert statuses == ["failed"] * 2 + ["made"] * 9
    paths.go_on.set()
    assert list(outcomes) == []


def raising(paths: list[Any], error: BaseException) -> Iterator[Any]:
    yield from paths
    raise error


@pytest.mark.parametrize("error", [LookupError("mine"), ConfigError("mine"), SystemExit(4)])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.few(3)
def test_an_exception_comes_after_the_outcomes_of_what_was_before(
    files: list[Path], error: BaseException, again: bool
) -> None:
    if again:
        list(iter_thumbnails(files))
    seen: list[Outcome] = []

    def take() -> None:
        for outcome in iter_thumbnails(raising(files, error)):
            seen.append(outcome)

    with pytest.raises(type(error)) as raised:
        take()
    assert raised.value is error
    assert {outcome.source.path for outcome in seen} == {*map(str, files)}
    assert {outcome.status for outcome in seen} == {"current" if again else "made"}


def test_so_it_is_with_what_is_no_path(files: list[Path]) -> None:
    several: list[Any] = [[*files, 7], iter([*files, 7]), Paths([*files, 7])]
    for paths in several:
        outcomes = iter_thumbnails(paths, force=True)
        assert len([next(outcomes) for _ in files]) == len(files)
        with pytest.raises(TypeError):
            next(outcomes)


@pytest.mark.parametrize("number", [1, 5])
def test_leaving_early_does_not_wait_for_the_next_path(files: list[Path], number: int) -> None:
    paths = Paths(files[:number], files[number:])
    outcomes = iter_thumbnails(paths)
    for _ in range(number):
        next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    before = files_below(files[0].parent)
    paths.go_on.set()  # too late: nobody wants what comes now
    time.sleep(0.3)
    assert files_below(files[0].parent) == before


@pytest.mark.parametrize("number", [0, 1, 5])
def test_a_stop_does_not_wait_for_the_next_path(files: list[Path], number: int) -> None:
    stop, paths = threading.Event(), Paths(files[:number])
    seen: list[Outcome] = []

    def take() -> None:
        for outcome in iter_thumbnails(paths, stop_event=stop):
            seen.append(outcome)

    thread = threading.Thread(target=take)
    thread.start()
    assert paths.waits.wait(STALL_SECONDS)
    eventually(lambda: len(seen) == number)
    stop.set()
    thread.join(STALL_SECONDS)
    assert not thread.is_alive()
    assert [outcome.status for outcome in seen] == ["made"] * number
    paths.go_on.set()


def test_when_it_is_stopped_all_that_was_read_has_an_outcome(photos: Path) -> None:
    first = picture(photos / "0.png", (1500, 1500), compress_level=1)
    paths = [first, *(photos / f"{number}.png" for number in range(1, 30))]
    for path in paths[1:]:
        os.link(first, path)
    stop, read = threading.Event(), []

    def live() -> Iterator[Path]:
        for path in paths:
            read.append(str(path))
            yield path

    outcomes = []
    for outcome in iter_thumbnails(live(), stop_event=stop):
        outcomes.append(outcome)
        stop.set()
    assert {outcome.source.path for outcome in outcomes} >= {*read[:-1]}
    assert len(outcomes) < 30


def test_a_live_iterable_is_read_no_faster_than_outcomes_are_taken(files: list[Path]) -> None:
    read = 0

    def live() -> Iterator[Path]:
        nonlocal read
        for _ in range(100_000):
            read += 1
            yield files[read % 9]

    outcomes = iter_thumbnails(live(), jobs=2)
    assert read == 0
    for taken in range(1, 41):
        next(outcomes)
        assert read <= taken + 40
    time.sleep(0.2)
    assert read < 100
    outcomes.close()  # type: ignore[attr-defined]


HERE: ContextVar[str] = ContextVar("HERE")


def test_a_live_iterable_sees_the_context_of_the_one_who_takes_outcomes(files: list[Path]) -> None:
    def live() -> Iterator[Path]:
        assert HERE.get() == "here"
        yield files[0]

    HERE.set("here")
    assert [outcome.status for outcome in iter_thumbnails(live())] == ["made"]


def test_a_list_is_read_by_the_one_who_takes_outcomes(files: list[Path]) -> None:
    threads = set()

    class Named:
        def __init__(self, path: Path) -> None:
            self.path = path

        def __fspath__(self) -> str:
            threads.add(threading.current_thread())
            return str(self.path)

    assert len(list(iter_thumbnails([*map(Named, files)]))) == len(files)
    assert threads == {threading.current_thread()}


UNFINISHED = """
import sys, time
from thumbnailer import iter_thumbnails
def live():
    yield from sys.argv[1:]
    time.sleep(600)
outcomes = iter_thumbnails(live())
for _ in sys.argv[1:]:
    print(next(outcomes).status)
"""


def test_a_program_may_end_while_the_next_path_is_awaited(files: list[Path]) -> None:
    command = [sys.executable, "-c", UNFINISHED, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("made\n" * len(files), "")


@pytest.mark.parametrize("verify_etag", [False, True])
@pytest.mark.slow
def test_it_is_the_same_with_buckets(storage: Storage, tmp_path: Path, verify_etag: bool) -> None:
    data = picture(tmp_path / "a.jpg").read_bytes()
    for name in NAMES:
        storage.put(f"photos/{name}", data)
    urls = [f"{storage.url}/photos/{name}" for name in NAMES]
    for output in (f"{storage.url}/thumbs", tmp_path / "thumbs"):
        paths = Paths(urls[:3], urls[3:])
        outcomes = iter_thumbnails(paths, output=output, verify_etag=verify_etag)
        assert [next(outcomes).status for _ in range(3)] == ["made"] * 3
        paths.go_on.set()
        assert [outcome.status for outcome in outcomes] == ["made"] * 6
