"""What a run comes to, however many pictures it has."""

from __future__ import annotations

import pytest

from thumbnailer.cli.output.run_stats import OTHER_REASONS, RunStats, reason_kind
from thumbnailer.model import Failure, Outcome, Source, Thumbnail


def failed(name: str, reason: str, seconds: float = 0.01) -> Outcome:
    source = Source(name, 1000, 1)
    return Outcome(source, "failed", error=Failure("decode", reason), seconds=seconds)


def test_a_hundred_thousand_reasons_take_no_more_room_than_twenty() -> None:
    stats = RunStats()
    for number in range(100_000):
        stats.add(failed(f"{number}.jpg", f"reason {number}", seconds=number))
    assert len(stats.groups) == 21
    assert stats.groups["failed", OTHER_REASONS].count == 100_000 - 20
    assert sum(len(group.sources) for group in stats.groups.values()) == 20 + 3
    assert stats.slowest == [(99_999, "99999.jpg"), (99_998, "99998.jpg"), (99_997, "99997.jpg")]


def test_the_first_three_are_named() -> None:
    stats = RunStats()
    for name in "abcd":
        stats.add(failed(name, "truncated at 5 %: the end of the file is missing"))
    (group,) = stats.groups.values()
    assert (group.count, group.sources) == (4, ["a", "b", "c"])


def test_bytes_are_those_of_pictures_that_were_tried() -> None:
    stats = RunStats()
    thumbnails = (Thumbnail("t", 8, 8, 100), Thumbnail("u", 8, 8, 50))
    stats.add(Outcome(Source("a", 1000, 1), "made", thumbnails, seconds=0.1))
    stats.add(Outcome(Source("b", 1000, 1), "current", thumbnails))
    stats.add(failed("c", "damaged"))
    stats.add(failed("d", "damaged (failed before and has not changed since)", seconds=0))
    stats.add(Outcome(Source("e", 1, 1), "skipped", error=Failure("stopped", "interrupted")))
    assert (stats.tried, stats.source_bytes, stats.thumbnail_bytes) == (2, 2000, 150)
    assert [(kind, group.count) for kind, group in stats.groups.items()] == [
        (("failed", "damaged"), 2)
    ]


@pytest.mark.parametrize(
    ("stage", "reason", "kind"),
    [
        ("decode", "truncated at 61 %: the end of the file is missing", "truncated"),
        ("decode", "damaged: the data make no sense", "damaged"),
        ("crashed", "crashed: the worker process was ended by SIGSEGV", "crashed"),
        ("timeout", "timeout: took longer than 60 s", "timeout"),
        ("open", "is text, no picture", "is text, no picture"),
        (
            "limits",
            "has 18000 x 18000 px, 324 megapixels: more than the limit of 250 (max_pixels)",
            "more than the limit of 250 (max_pixels)",
        ),
        ("write", "/srv/photos/thumbs: Permission denied", "Permission denied"),
        ("plan", "t/a.jpg is already the thumbnail of b.jpg", "the name of the thumbnail is taken"),
        ("scan", "can't be read: Permission denied", "can't be read: Permission denied"),
    ],
)
def test_reasons_of_one_kind_are_one(stage: str, reason: str, kind: str) -> None:
    assert reason_kind(Failure(stage, reason)) == kind
    assert (
        reason_kind(Failure(stage, f"{reason} (failed before and has not changed since)")) == kind
    )
