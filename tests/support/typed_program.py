# pyright: strict
"""Somebody's program that uses the library, for type checkers: it is checked, and never run."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, assert_type

from thumbnailer import (
    CleanReport,
    Explanation,
    Failure,
    GalleryReport,
    Outcome,
    PictureError,
    Progress,
    PruneReport,
    Report,
    Settings,
    StatusReport,
    Thumbnail,
    Thumbnailer,
    VerifyReport,
    clean,
    explain,
    iter_thumbnails,
    make_sizes,
    make_thumbnail,
    make_thumbnails,
    prune,
    status,
    verify,
    watch,
    write_gallery,
)


def avatar(upload: Path) -> tuple[int, int] | None:
    """One picture, with what it should look like as keywords."""
    try:
        made = make_thumbnail(upload, upload.with_name("avatar.webp"), size=(64, 64), fit="cover")
    except PictureError as error:
        print(assert_type(error.reason, str))
        return None
    assert_type(made, Thumbnail)
    return assert_type(made.width, int), made.height


def upload(content: bytes, file: BinaryIO, view: memoryview) -> bytes:
    """What is no file, and where it goes."""
    answer = io.BytesIO()
    assert_type(make_thumbnail(io.BytesIO(content), answer, size=64), Thumbnail)
    assert_type(make_thumbnail(file, file).size_bytes, int)
    assert_type(make_thumbnail(view).mime_type, str)
    sizes = make_sizes(
        content, {"small": 64, "large": {"size": "512x", "fit": "cover"}}, quality=90
    )
    assert_type(sizes, dict[str, Thumbnail])
    assert_type(make_sizes(file, ["64", "x32"]), dict[str, Thumbnail])
    return assert_type(make_thumbnail(content, format="webp").data, bytes)


async def serve(file: BinaryIO) -> bytes:
    """A web server."""
    with Thumbnailer(size=256, jobs=2, timeout=10) as thumbnailer:
        assert_type(thumbnailer.make(file, size=64), Thumbnail)
        assert_type(thumbnailer.make_sizes(file, {"a": 9}), dict[str, Thumbnail])
        return assert_type((await thumbnailer.make_async(file, format="webp")).data, bytes)


def album(folder: Path, stop: threading.Event) -> list[str]:
    """A folder, by settings and by keywords, with what became of each picture."""
    settings = Settings(size=["256", "x64"], format="auto", output=folder / "small")
    failed: list[str] = []
    outcomes = iter_thumbnails([folder], settings=settings, jobs=2, stop_event=stop)
    for outcome in assert_type(outcomes, Iterator[Outcome]):
        if outcome.error:
            assert_type(outcome.error, Failure)
            failed.append(f"{outcome.source.path}: {outcome.error.reason}")
        for thumbnail in outcome.thumbnails:
            assert_type(thumbnail, Thumbnail)
    return failed


def tell(progress: Progress) -> None:
    """A line of a log."""
    print(progress.done, progress.found, assert_type(progress.outcome, Outcome).status)


def night_shift(folder: Path, stop: threading.Event) -> None:
    """All that a program of maintenance would do."""
    assert_type(make_thumbnails(folder, quality=90, keep=("icc",)), Report)
    make_thumbnails(folder, Settings.from_file("config.toml"), progress=tell)
    assert_type(Settings.from_mapping({"size": 64}), Settings)
    assert_type(prune(folder, dry_run=True, stale=True), PruneReport)
    assert_type(clean(folder, dry_run=True), CleanReport)
    assert_type(status(folder), StatusReport)
    assert_type(verify(folder, fix=True), VerifyReport)
    assert_type(write_gallery(folder), GalleryReport)
    assert_type(explain(folder / "a.jpg", size=64, root=folder), Explanation)
    for outcome in watch(folder, stop_event=stop, settle=0.5):
        assert_type(outcome, Outcome)
