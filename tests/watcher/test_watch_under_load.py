"""More changes than a watch can be told of, and workers that die meanwhile."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.marks import needs_proc, root_only, unshared
from support.pictures import noise, picture
from support.processes import Started, at_random, copies, send, slow, start, workers_of
from support.program import make
from support.watching import (
    WATCH,
    await_event,
    catches_up,
    errors,
    events,
    failed,
    memory_kib,
    of_source,
    rows,
    shell,
    soon,
    starting_tree,
    stop,
    watching,
)

pytestmark = [pytest.mark.slow, needs_proc]

INOTIFY = Path("/proc/sys/fs/inotify")


def test_memory_stays_flat_in_a_burst(photos: Path) -> None:
    number = 8000
    burst = photos.parent / "burst"
    copies(burst, number, (64, 48))
    with watching(photos) as watch:
        before = memory_kib(watch.process.pid)
        shell("cp -r ../burst .", photos)
        all_are_made(watch, photos / "burst" / "thumbs", number)
        assert memory_kib(watch.process.pid, "VmHWM") - before < 20 << 10
        assert not failed(watch)
        catches_up(watch, photos)


def test_a_burst_that_goes_as_it_came(photos: Path) -> None:
    burst = photos.parent / "burst"
    copies(burst, 500, (64, 48))
    starting_tree(photos)
    with watching(photos) as watch:
        for _ in range(3):
            shell("cp -r ../burst .; sleep 0.3; until rm -rf burst; do :; done", photos)
        catches_up(watch, photos)
        assert not failed(watch)


def test_what_is_gone_only_for_a_moment_has_not_failed(photos: Path) -> None:
    copies(photos.parent / "burst", 2000, (64, 48))
    starting_tree(photos)
    with watching(photos) as watch:
        away_and_back = "sleep 0.5; mv burst ..; sleep 0.01; mv ../burst ."
        shell(f"mv ../burst .; for n in $(seq 15); do {away_and_back}; done", photos)
        catches_up(watch, photos)
        assert not failed(watch)


@root_only
@pytest.mark.alone  # whatever is watched meanwhile would lose events, too
@pytest.mark.skipif(not INOTIFY.is_dir(), reason="needs inotify")
@pytest.mark.parametrize("output", [False, True], ids=["beside", "output"])
def test_events_that_are_lost_are_made_up_for_by_a_rescan(photos: Path, output: bool) -> None:
    starting_tree(photos)
    burst = photos.parent / "burst"
    for number in range(30):
        picture(burst / f"{number % 5}" / f"{number}.jpg", (64 + number, 48))
    arguments: list[str | Path] = ["--output", str(photos.parent / "out")] if output else []
    arguments.append(photos)
    with a_short_queue(), watching(*arguments) as watch:
        catches_up(watch, *arguments)
        for line in ("cp -r ../burst .", "rm -r burst/1 burst/2 sub", "mv burst/3/*.jpg burst/0"):
            # Stopped, it can't but miss most of what happens.
            send(watch.process.pid, signal.SIGSTOP)
            shell(line, photos)
            send(watch.process.pid, signal.SIGCONT)
            catches_up(watch, *arguments)
        assert events(watch, "rescan")
        assert not failed(watch)


@contextmanager
def a_short_queue() -> Iterator[None]:
    """Let who starts now hold no more than a few events."""
    setting = INOTIFY / "max_queued_events"
    before = setting.read_text()
    try:
        setting.write_text("8")
    except OSError as error:
        pytest.skip(f"can't change {setting}: {error}")
    try:
        yield
    finally:
        setting.write_text(before)


def limited(name: str, number: int) -> tuple[str, ...]:
    """A prefix to a command that leaves it this many inotify watches or instances."""
    setting = Path("/proc/sys/user") / f"max_inotify_{name}"
    if not setting.exists():
        pytest.skip(f"there is no {setting}")
    # A namespace of one's own has limits of its own: nobody else's watches run short.
    return (*unshared(), "sh", "-ec", f'echo {number} > {setting}; exec "$0" "$@"')


def test_when_watches_run_short_it_says_how_to_get_more_and_rescans(photos: Path) -> None:
    starting_tree(photos)
    for number in range(20):
        picture(photos / f"{number}" / "a.jpg", (70 + number, 48))
    with watching("--rescan", "2", photos, prefix=limited("watches", 6)) as watch:
        catches_up(watch, photos)
        shell("for f in 1 7 13 19; do cp ../else/new.jpg $f; rm $f/a.jpg; done", photos)
        catches_up(watch, photos)
        shell("cp -r ../else/album .; mv 3 album/3; mkdir -p x/y; cp b.png x/y", photos)
        catches_up(watch, photos)
        assert len(events(watch, "watch limit")) == 1
        assert errors(watch).count("sysctl fs.inotify.max_user_watches=") <= 1
        said = errors(watch) + str(events(watch, "watch limit"))
        assert "sysctl fs.inotify.max_user_watches=" in said
        assert not failed(watch)


def test_without_inotify_it_polls(photos: Path) -> None:
    starting_tree(photos)
    with watching("--rescan", "2", photos, prefix=limited("instances", 0)) as watch:
        catches_up(watch, photos)
        shell("cp ../else/new.jpg sub; rm a.jpg", photos)
        catches_up(watch, photos)
        assert len(events(watch, "poll")) == 1


@pytest.mark.parametrize("kills", [4, slow(20)])
def test_workers_killed_during_a_burst_lose_nothing(photos: Path, kills: int) -> None:
    copies(photos.parent / "burst", 100, (1280, 960))
    chance = random.Random(1)
    bursts = 0

    def another_burst() -> None:
        nonlocal bursts
        bursts += 1
        shell(f"cp -r ../burst {bursts}", photos)

    def kill_one(workers: list[int]) -> bool:
        return send(chance.choice(workers), signal.SIGKILL)

    with watching("--rescan", "2", photos) as watch:
        another_burst()
        killed = at_random(watch, kills, chance, kill_one, 0.4, at_rest=another_burst)
        assert killed == kills
        sources = {str(path) for path in photos.glob("*/*.jpg")}
        assert len(sources) == 100 * bursts
        soon(watch, lambda: sources <= {row.get("source") for row in rows(watch)})
        # One whose worker was killed twice has failed, until somebody changes it.
        unlucky = failed(watch)
        assert len(unlucky) <= kills / 2
        for row in unlucky:
            assert "SIGKILL" in row["error"]["reason"]
            os.utime(row["source"])
        catches_up(watch, photos)


def test_workers_killed_while_there_is_nothing_to_do(photos: Path) -> None:
    starting_tree(photos)
    with watching(photos) as watch:
        for number in range(3):
            shell(f"mkdir -p x; cp ../else/large.jpg x/{number}.jpg", photos)
            catches_up(watch, photos)
            for worker in workers_of(watch):  # if any are kept
                send(worker, signal.SIGKILL)
        shell("cp ../else/new.jpg .", photos)
        catches_up(watch, photos)
        assert not failed(watch)


def all_are_made(watch: Started, thumbs: Path, number: int) -> None:
    """Wait for thumbnails by the thousand, without keeping a processor busy over it."""

    def made() -> int:
        time.sleep(0.3)
        return len(list(thumbs.glob("*.jpg")))

    await_event(watch, "ready")
    soon(watch, lambda: made() == number, lambda: f"{made()} are made", 30 + number / 50)
    soon(watch, lambda: sum(row.get("status") == "made" for row in rows(watch)) == number)


def test_a_run_beside_a_watch_disturbs_neither(photos: Path) -> None:
    starting_tree(photos)
    with watching(photos) as watch:
        for number in range(5):
            shell(f"for n in 1 2 3 4 5; do cp ../else/new.jpg {number}$n.jpg; done", photos)
            run = make("--force", photos)
            assert (run.code, run.err) == (0, "")
            shell(f"cp ../else/large.jpg {number}1.jpg; rm {number}2.jpg", photos)
        catches_up(watch, photos)
        assert not failed(watch)


@pytest.mark.parametrize("at_the_start", [True, False])
def test_a_slow_picture_holds_up_no_other(photos: Path, at_the_start: bool) -> None:
    slow_picture = photos.parent / "slow.gif"
    frames = [noise((400, 400), 9 * count + 1, count) for count in range(24)]
    frames[0].save(slow_picture, save_all=True, append_images=frames[1:] * 8)
    options = ["--animated", "--format", "webp", "--size", "400"]
    if at_the_start:
        slow_picture.rename(photos / "slow.gif")
    with start(*WATCH, *options, photos) as watch:
        if not at_the_start:
            await_event(watch, "ready")
            slow_picture.rename(photos / "slow.gif")
        soon(watch, lambda: workers_of(watch))
        for number in range(3):
            new = picture(photos / f"{number}.jpg")
            soon(watch, lambda new=new: of_source(watch, new) == ["made"])  # type: ignore[misc]
        soon(watch, lambda: of_source(watch, photos / "slow.gif") == ["made"])
        made = [row["source"] for row in rows(watch) if row.get("status") == "made"]
        assert made[-1] == str(photos / "slow.gif")
        stop(watch)
