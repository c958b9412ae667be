"""Each thumbnail has a placeholder, when it is made and in all later runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.pictures import picture, tree
from support.program import Run, make
from support.thumbhash import shows_quarters

LEDGER = Path("thumbs", ".thumbnailer")


def placeholders(run: Run) -> list[str | None]:
    return [one["placeholder"] for row in run.rows for one in row["thumbnails"]]


def edit(ledger: Path, length: int, *more: str) -> None:
    """Leave so many fields of each line of a ledger, and add some."""
    header, *lines = ledger.read_bytes().splitlines()
    rows = [[*json.loads(line)[:length], *more] for line in lines]
    ledger.write_bytes(b"\n".join([header, *(json.dumps(row).encode() for row in rows), b""]))


def test_what_is_current_has_the_one_that_it_was_made_with(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "sub/b.png", "c.webp")
    sizes = "--size", "32", "--size", "64"
    first = make(tmp_path, *sizes)
    assert first.summary["made"] == 3
    assert len(placeholders(first)) == 6
    assert all(isinstance(one, str) and shows_quarters(one) for one in placeholders(first))
    second = make(tmp_path, *sizes)
    assert second.summary["current"] == 3
    assert sorted(map(str, placeholders(second))) == sorted(map(str, placeholders(first)))


def test_it_stays_when_a_picture_is_touched_or_moved(tmp_path: Path) -> None:
    source = picture(tmp_path / "photos" / "a.jpg")
    before = placeholders(make(tmp_path / "photos"))
    source.chmod(0o600)
    for _ in range(2):
        touched = make(tmp_path / "photos")
        assert (touched.summary["current"], placeholders(touched)) == (1, before)
    moved = source.rename(source.with_name("b.jpg"))
    os.utime(moved, ns=(0, moved.stat().st_mtime_ns))
    assert placeholders(make(tmp_path / "photos")) == before


def test_thumbnails_of_an_earlier_version_are_current_without(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "b.jpg")
    make(tmp_path)
    edit(tmp_path / LEDGER, 10)
    manifest = tmp_path / "manifest.jsonl"
    found = make(tmp_path, "--manifest", manifest)
    assert (found.summary["current"], placeholders(found)) == (2, [None, None])
    assert "placeholder" not in manifest.read_text()
    again = make(tmp_path, "--force")
    assert all(isinstance(one, str) and shows_quarters(one) for one in placeholders(again))


@pytest.mark.parametrize("text", ["<script>alert(1)</script>0000", "a" * 5000, " " * 28])
def test_of_what_others_wrote_into_a_ledger_nothing_is_told(tmp_path: Path, text: str) -> None:
    tree(tmp_path, "a.jpg", "b.jpg")
    before = sorted(map(str, placeholders(make(tmp_path))))
    edit(tmp_path / LEDGER, 10, text, "")
    found = make(tmp_path)
    assert found.summary["made"] == 2
    assert sorted(map(str, placeholders(found))) == before
