"""Work in threads: what it tells of itself, what it may take, and what it waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest
from support.waiting import eventually

from thumbnailer import Settings
from thumbnailer.watcher.threads.ask import Asker
from thumbnailer.watcher.threads.claims import Claims, Gate
from thumbnailer.watcher.threads.tasks import Task, Tasks

Post = Callable[[], object]


@pytest.fixture
def inbox() -> Queue[Post]:
    return Queue()


def test_what_work_returns_or_raises_is_handed_to_the_loop(inbox: Queue[Post]) -> None:
    tasks, results = Tasks(inbox.put, threading.Event(), 1), list[object]()

    def fail(task: Task) -> None:
        raise ValueError("no")

    for work in (lambda task: task.place, fail):
        tasks.start("here", work, lambda _, result: results.append(result))
        inbox.get(timeout=60)()
    assert results[0] == "here"
    assert isinstance(results[1], ValueError)
    assert len(tasks) == 0


@contextmanager
def no_threads_left() -> Iterator[None]:
    """Let no thread begin: none can have a stack as large as all the memory there is."""
    before = threading.stack_size(1 << 46)
    try:
        yield
    finally:
        threading.stack_size(before)


def test_where_no_thread_can_begin_the_work_has_failed(inbox: Queue[Post]) -> None:
    tasks, results = Tasks(inbox.put, threading.Event(), 1), list[object]()
    with no_threads_left():
        tasks.start("here", lambda task: task.place, lambda _, result: results.append(result))
    inbox.get(timeout=60)()
    assert isinstance(results[0], OSError)
    assert len(tasks) == 0
    tasks.join(60)


def test_where_no_thread_can_begin_a_disk_is_asked_all_the_same() -> None:
    ask = Asker()
    with no_threads_left():
        assert ask(str.upper, "/p/a") == "/P/A"
    assert ask(str.upper, "/p/a") == "/P/A"
    ask.close()


def test_threads_make_no_more_than_the_loop_takes(inbox: Queue[Post]) -> None:
    tasks, taken = Tasks(inbox.put, threading.Event(), 1), list[int]()
    made = 0

    def work(task: Task) -> None:
        nonlocal made
        for number in range(1000):
            tasks.hand_over(task, taken.append, number)
            made += 1

    tasks.start("here", work, lambda _, result: taken.append(-1))
    eventually(lambda: made >= 100)
    time.sleep(0.3)
    assert made <= 110
    while -1 not in taken:
        inbox.get(timeout=60)()
    assert taken == [*range(1000), -1]


def test_a_stop_ends_what_waits_for_the_loop(inbox: Queue[Post]) -> None:
    stop = threading.Event()
    tasks = Tasks(inbox.put, stop, 1)

    def work(task: Task) -> None:
        while not task.is_set():
            tasks.hand_over(task, str, 1)

    tasks.start("here", work, lambda _, result: None)
    eventually(lambda: inbox.qsize() >= 100)
    stop.set()
    tasks.join(60)
    assert not any(thread.is_alive() for thread in threading.enumerate() if "work" in thread.name)


def test_a_task_that_asks_nothing_is_silent() -> None:
    stop = threading.Event()
    task = Task("here", stop, patience_seconds=100)
    now = time.monotonic()
    assert task.silent_seconds(now + 50) >= 50
    task.for_workers.is_set()  # it waits for a worker: so long that is no silence
    assert task.silent_seconds(now + 50) == pytest.approx(50, abs=1)
    assert not task.is_set()
    task.cancel()
    assert task.is_set()
    assert not task.for_workers.is_set()  # what workers have begun is waited for
    stop.set()
    assert task.for_workers.is_set()


def test_waiting_for_a_worker_is_silence_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("thumbnailer.watcher.threads.tasks.time.monotonic", lambda: clock[0])
    task = Task("here", threading.Event(), patience_seconds=180)
    for _ in range(300):
        clock[0] += 1
        task.for_workers.is_set()
        expected = max(0, clock[0] - 1180)
        assert task.silent_seconds(clock[0]) == expected
    task.is_set()
    assert task.silent_seconds(clock[0]) == 0


def claims(**settings: str) -> Claims:
    return Claims(Settings(**settings))  # type: ignore[arg-type]


def test_a_picture_is_taken_by_one_at_a_time() -> None:
    both, one, other = claims(), object(), object()
    assert both.take("/p/a.jpg", one)
    assert not both.take("/p/a.jpg", one)
    assert not both.take("/p/a.jpg", other)
    assert both.take("/p/b.jpg", other)
    both.release("/p/a.jpg", other)  # it has it not
    assert not both.take("/p/a.jpg", other)
    both.release("/p/a.jpg", one)
    assert both.take("/p/a.jpg", other)


@pytest.mark.parametrize(
    ("settings", "name", "other"),
    [
        ({}, "a.jpg", "A.jpg"),
        ({"format": "png"}, "a.jpg", "a.jpg.png"),
        ({"format": "auto"}, "a.jpg", "a.jpg.png"),
        ({}, "ä.jpg", "a\u0308.jpg"),
        ({"name": "{stem}"}, "a.jpg", "b.jpg"),
    ],
)
def test_neither_are_two_whose_thumbnails_may_have_one_name(
    settings: dict[str, str], name: str, other: str
) -> None:
    both, one, two = claims(**settings), object(), object()
    assert both.take(f"/p/{name}", one)
    assert not both.take(f"/p/{other}", two)
    assert both.take(f"/q/{other}", two)
    assert both.take(f"/p/{other}", one)  # who has both knows of both
    both.release(f"/p/{name}", one)
    assert not both.take(f"/p/{name}", two)
    both.release(f"/p/{other}", one)
    assert both.take(f"/p/{other}", two)


def test_what_holds_a_picture_that_is_taken_is_busy() -> None:
    both = claims()
    assert both.take("/p/q/a.jpg", both)
    paths = ["/p/q/a.jpg", "/p/q", "/p", "/p/q/b.jpg", "/p/r", "/p/q/a.jpg/x"]
    assert both.busy(paths) == {"/p/q/a.jpg", "/p/q", "/p"}
    assert claims().busy(paths) == set()
    relative = claims()
    assert relative.take("p/a.jpg", both)
    assert relative.busy(["p", "p/a.jpg", "q"]) == {"p", "p/a.jpg"}


def test_what_was_made_after_a_mark_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thumbnailer.watcher.threads.claims._MANY_CHANGES", 3)
    both, one, other = claims(), object(), object()
    both.mark(one)
    assert both.take("/p/a.jpg", other)
    assert not both.is_changed("/p/a.jpg", one)
    both.release("/p/a.jpg", other, is_changed=True)
    assert both.is_changed("/p/a.jpg", one)
    assert both.is_changed("/p/A.jpg", one)  # its thumbnail may have the same name
    assert not both.is_changed("/p/b.jpg", one)
    both.mark(other)
    for number in range(10):
        both.release(f"/p/{number}.jpg", other, is_changed=True)
    assert not both.is_changed("/p/a.jpg", other)
    both.mark(other)
    assert both.is_changed("/p/a.jpg", one)
    both.mark(one)
    assert not both.is_changed("/p/a.jpg", one)
    both.release("/p/a.jpg", other, is_changed=True)
    assert both.is_changed("/p/a.jpg", one)
    both.unmark(one)
    both.unmark(other)
    both.mark(one)
    assert not both.is_changed("/p/a.jpg", one)


def test_nothing_is_written_while_something_is_removed() -> None:
    gate, log, over = Gate(), list[str](), threading.Event()

    def write() -> None:
        while not over.is_set():
            with gate.writing():
                log.append("w")
                time.sleep(0.001)
                log.append("W")

    def removals() -> Iterator[int]:
        for number in range(50):
            log.append("r")
            time.sleep(0.001)
            log.append("R")
            yield number

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    assert list(gate.alone(removals())) == list(range(50))
    over.set()
    for writer in writers:
        writer.join(60)
    writing = removing = most_writing = 0
    for letter in log:
        writing += {"w": 1, "W": -1}.get(letter, 0)
        removing += {"r": 1, "R": -1}.get(letter, 0)
        most_writing = max(most_writing, writing)
        assert not (writing and removing)
    assert most_writing > 1


def test_an_answer_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    ask, answered = Asker(), threading.Event()

    def slow(path: str) -> str:
        answered.wait(60)
        return path

    def fail(path: str) -> str:
        raise ValueError(path)

    assert ask(str.upper, "/p/a") == "/P/A"
    with pytest.raises(ValueError, match="/p/a"):
        ask(fail, "/p/a")
    assert ask(slow, "/p/slow") is None
    assert ask(str.upper, "/p/slow") is None  # it is owed already
    assert ask(str.upper, "/p/a") == "/P/A"
    for number in range(5):
        assert ask(slow, f"/p/{number}") is None
    begin = time.monotonic()
    for _ in range(10_000):
        assert ask(str.upper, "/p/a") is None  # its folder does not answer
    assert time.monotonic() - begin < 30
    assert ask(str.upper, "/q/a") == "/Q/A"
    seconds, path = ask.most_silent(time.monotonic())
    assert (seconds > 0, path) == (True, "/p/slow")
    answered.set()
    eventually(lambda: ask(str.upper, "/p/a") == "/P/A")
    eventually(lambda: ask.most_silent(time.monotonic()) == (0.0, ""))
    ask.close()
