"""What a dry run says that a run would take."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest
from support.pictures import files_below, picture, tree
from support.processes import copies
from support.program import THUMBNAILER, in_a_process, make, thumbnailer

from thumbnailer import Settings
from thumbnailer.model import Job, Outcome, Run, Source, Stop, Thumbnail
from thumbnailer.operations.estimate import RandomSample, estimate


def test_an_estimate_is_made_from_a_few_and_holds_for_all(photos: Path) -> None:
    copies(photos, 40, (640, 480))
    before = files_below(photos)
    estimate = make(photos, "--dry-run").summary["estimate"]
    assert files_below(photos) == before
    assert estimate["pictures"] == 40
    assert 1 <= estimate["sampled"] <= 16
    made = make(photos).summary
    assert made["estimate"] is None
    assert estimate["bytes"] == pytest.approx(made["thumbnail_bytes"], rel=0.1)
    assert made["seconds"] / 20 < estimate["seconds"] < 20 * made["seconds"]


def test_a_person_is_told_that_it_is_an_estimate(photos: Path) -> None:
    copies(photos, 20, (640, 480))
    last = thumbnailer("make", "-n", photos).out.splitlines()[-1]
    assert last.startswith("would take about ")
    assert re.search(r", judged by \d+ of 20 pictures$", last)
    assert " second" in last
    assert "kB" in last


@pytest.mark.slow
def test_what_is_made_already_does_not_count(photos: Path) -> None:
    copies(photos, 10, (640, 480))
    make(photos, "--size", "400")
    whole = make(photos, "-n", "--size", "400", "--force").summary["estimate"]
    other = make(photos, "-n", "--size", "400", "--size", "8").summary["estimate"]
    assert whole["pictures"] == other["pictures"] == 10
    assert other["bytes"] > 0
    picture(photos / "new.jpg")
    assert make(photos, "-n", "--size", "400").summary["estimate"]["pictures"] == 1
    make(photos, "--size", "400")
    assert make(photos, "-n", "--size", "400").summary["estimate"] is None


@pytest.mark.slow
def test_nothing_is_rendered_for_nobody(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise ImportError('somebody renders')")
    run = in_a_process("make", "-n", "--quiet", photos, PYTHONPATH=str(tmp_path))
    assert (run.code, run.out, run.err) == (0, "", "")
    loud = in_a_process("make", "-n", photos, PYTHONPATH=str(tmp_path))
    assert loud.code == 1
    assert "1 would be made" in loud.out, "a run could not make it either"
    assert "somebody renders" in loud.err


def test_leavings_of_a_killed_run_are_not_touched(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    leaving = photos / "thumbs" / ".thumbnailer-0123456789abcdef.tmp"
    leaving.write_bytes(b"half")
    picture(photos / "b.jpg", (10, 10))
    ledger = (photos / "thumbs" / ".thumbnailer").read_bytes()
    assert make(photos, "-n").summary["estimate"]["pictures"] == 1
    assert leaving.exists(), "a run would sweep it"
    assert (photos / "thumbs" / ".thumbnailer").read_bytes() == ledger


def test_pictures_that_fail_take_time_and_no_room(photos: Path) -> None:
    for number in range(3):
        (photos / f"{number}.jpg").write_text("no picture")
    estimate = make(photos, "-n").summary["estimate"]
    assert estimate["bytes"] == 0
    assert estimate["seconds"] > 0


def slow(folder: Path, number: int) -> None:
    """Pictures of half a second each, of which a sample of 16 takes too long for any patience."""
    picture(folder / "0.png", (9000, 5000))
    for count in range(1, number):
        os.link(folder / "0.png", folder / f"{count}.png")


@pytest.mark.slow
def test_slow_pictures_end_in_time(photos: Path) -> None:
    slow(photos, 20)
    estimate = make("-n", "-j", "1", photos).summary["estimate"]
    assert estimate["pictures"] == 20
    assert 0 < estimate["sampled"] < 16


@pytest.mark.slow
def test_ctrl_c_ends_it(photos: Path) -> None:
    slow(photos, 8)
    with subprocess.Popen(
        [*THUMBNAILER, "make", "-n", "-j", "1", photos],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        for _ in range(8):
            process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.stderr.read() == ""
    assert process.returncode == 130
    assert rest == "interrupted: 8 found, 0 made, 0 current, 8 would be made\n"


class Told:
    """A pool in which each picture takes a second, and its thumbnail 1000 bytes."""

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def imap_unordered(
        self, jobs: Iterable[Job | Outcome], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        for job in jobs:
            yield Outcome(job.source, "made", (Thumbnail("", 8, 8, 1000),), seconds=1)


@pytest.mark.parametrize(
    ("pictures", "workers", "seconds"), [(40, 1, 40), (40, 4, 10), (3, 8, 1), (1000, 2, 500)]
)
def test_the_time_is_shared_among_the_workers(
    photos: Path, monkeypatch: pytest.MonkeyPatch, pictures: int, workers: int, seconds: int
) -> None:
    monkeypatch.setattr("thumbnailer.operations.estimate.new_pool", lambda *_, **__: Told())
    sample = RandomSample()
    for number in range(pictures):
        sample.add(Source(str(photos / f"{number}.jpg"), 1, 1))
    found = estimate(sample, Settings(jobs=workers), Run(dry_run=True))
    assert found.seconds == pytest.approx(seconds, abs=1)
    assert (found.pictures, found.bytes) == (pictures, 1000 * pictures)
    assert found.sampled == min(pictures, 16)


def test_every_picture_has_the_same_chance_and_few_are_kept() -> None:
    kept = [0] * 4
    for seed in range(4000):
        sample = RandomSample(seed)
        for number in range(64):
            sample.add(Source(f"{number}.{'jpg' if number % 2 else 'cr2'}", 1, 1))
        assert len(sample.pictures) == 16
        for source in sample.pictures:
            kept[int(source.path.partition(".")[0]) // 16] += 1
    assert max(kept) / min(kept) < 1.05
