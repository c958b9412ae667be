"""Numbers, lengths and times as a person reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pictures import picture
from support.program import thumbnailer

from thumbnailer.cli.output.text import (
    counted,
    format_bytes,
    format_duration,
    format_number,
    printable,
)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1023, "1.0 kB"),
        (34_560, "34.6 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_048_576, "1.0 MB"),
        (34_500_000, "34.5 MB"),
        (2 * 10**9, "2.0 GB"),
        (5 * 10**12, "5.0 TB"),
        (5 * 10**16, "50,000 TB"),
    ],
)
def test_bytes(count: float, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 second"),
        (1.4, "1 second"),
        (1.6, "2 seconds"),
        (89.4, "89 seconds"),
        (90, "2 minutes"),
        (240, "4 minutes"),
        (3600, "60 minutes"),
        (5399, "90 minutes"),
        (5400, "1.5 hours"),
        (7200, "2 hours"),
        (9000, "2.5 hours"),
        (36_000, "10 hours"),
        (360_000, "100 hours"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (12_345, "12,345"),
        (99.96, "100"),
        (34.5, "34.5"),
        (0.951, "1.0"),
        (0.94, "0.94"),
        (0.0712, "0.071"),
        (0, "0"),
    ],
)
def test_numbers(number: float, text: str) -> None:
    assert format_number(number) == text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("größe 東京.jpg", "größe 東京.jpg"),
        ("two\nlines", r"two\nlines"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("caf\udce9", r"caf\udce9"),
        ("right\u202eto left", r"right\u202eto left"),
    ],
)
def test_what_would_disturb_a_terminal_is_escaped(name: str, shown: str) -> None:
    assert printable(name) == shown


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 folders"), (1, "1 folder"), (12_345, "12,345 folders")]
)
def test_a_noun_is_in_the_plural_but_for_one(number: int, text: str) -> None:
    assert counted(number, "folder") == text


def test_one_thumbnail_is_counted_and_refused_in_the_singular(photos: Path) -> None:
    picture(photos / "a.jpg")
    thumbnailer("make", photos)
    assert thumbnailer("prune", photos).out.startswith("1 thumbnail, 0 orphaned, 0 removed in ")
    (photos / "a.jpg").unlink()
    run = thumbnailer("prune", photos)
    assert run.err.startswith("thumbnailer: 1 of 1 thumbnails has no source any more, ")
    picture(photos / "a.jpg")
    run = thumbnailer("prune", photos, "--stale", "--format", "png")
    assert run.err.startswith("thumbnailer: 1 of 1 thumbnails is what other settings make, ")
