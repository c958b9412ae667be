"""No message holds much of what it complains about: it may be an upload, and goes into a log."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture, tree
from support.program import thumbnailer as program

import thumbnailer
from thumbnailer import ConfigError, Settings

# What somebody may give by mistake in place of a path or of settings: 3 MB each.
LENGTH = 3_000_000
HUGE: dict[str, Any] = {
    "str": "x" * LENGTH,
    "path": Path("/".join(["x" * 99] * (LENGTH // 100))),
    "bytes": b"\xff\xd8x" * (LENGTH // 3),
    "bytearray": bytearray(LENGTH),
    "dict": {"x" * LENGTH: "x" * LENGTH},
    "list": ["x" * LENGTH],
    "list of bytes": [b"x" * LENGTH],
    "url": "s3://" + "x" * LENGTH,
}


def watched(*arguments: Any, **named: Any) -> object:
    stop = threading.Event()
    stop.set()
    return list(thumbnailer.watch(*arguments, **named, stop_event=stop))


def iterated(*arguments: Any, **named: Any) -> object:
    return list(thumbnailer.iter_thumbnails(*arguments, **named))


# Of those that take no picture, all that can be called.
CALLS: dict[str, Callable[..., object]] = {
    name: getattr(thumbnailer, name)
    for name in (
        *("make_thumbnail", "make_sizes", "make_thumbnails", "status", "verify", "prune", "clean"),
        *("write_gallery", "explain"),
    )
} | {"iter_thumbnails": iterated, "watch": watched}


def test_these_are_all_functions_there_are() -> None:
    functions = {name for name in thumbnailer.__all__ if name[0].islower()}
    assert functions - {"freeze_support"} == set(CALLS)


def check_short(call: Callable[[], object]) -> None:
    """It raises something whose message is short, or nothing."""
    try:
        call()
    except (Exception, RecursionError) as error:
        assert len(str(error)) < 1000, type(error)  # noqa: PT017 - whatever it is
        assert max(map(str(error).count, "x\0")) <= 200  # noqa: PT017


@pytest.mark.parametrize("kind", HUGE)
@pytest.mark.parametrize("name", CALLS)
def test_messages_are_short_whatever_is_given(name: str, kind: str, photos: Path) -> None:
    tree(photos, "a.jpg")
    call, huge = CALLS[name], HUGE[kind]
    first = photos / "a.jpg" if name in ("make_thumbnail", "make_sizes", "explain") else photos
    check_short(lambda: call(huge))
    check_short(lambda: call(first, huge))
    for setting in ("size", "output", "include", "sizes", "no_such_setting"):
        check_short(lambda: call(first, **{setting: huge}))  # noqa: B023
    if name == "explain":
        check_short(lambda: call(first, root=huge))


@pytest.mark.parametrize("kind", HUGE)
def test_settings_tell_shortly_what_is_wrong_with_them(kind: str) -> None:
    for key in Settings.__dataclass_fields__:
        check_short(lambda: Settings(**{key: HUGE[kind]}))  # noqa: B023
    check_short(lambda: Settings.from_mapping(HUGE[kind]))
    check_short(lambda: Settings.from_file(HUGE[kind]))
    check_short(lambda: thumbnailer.Thumbnailer(HUGE[kind]))
    check_short(lambda: thumbnailer.Thumbnailer().make(HUGE[kind]))
    check_short(lambda: Settings(sizes={"small": HUGE[kind]}))
    check_short(lambda: Settings(sizes={"small": {"size": 9, "format": HUGE[kind]}}))


def test_a_long_path_is_told_with_its_beginning_and_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "begin"
    for _ in range(3):
        folder /= "x" * 200
    with pytest.raises(thumbnailer.SourceError) as raised:
        thumbnailer.make_thumbnail(folder / "end.jpg")
    path, reason = str(raised.value).rsplit(": ", 1)
    assert path.startswith(f"{tmp_path}/begin/x")
    assert path.endswith("x/end.jpg")
    assert "..." in path
    assert len(path) == 199
    assert reason == "no such file or folder"
    assert raised.value.filename == str(folder / "end.jpg")


def test_a_path_of_usual_length_is_told_in_full(tmp_path: Path) -> None:
    name = "x" * (199 - len(str(tmp_path)))
    with pytest.raises(thumbnailer.SourceError, match=f"^{tmp_path / name}: no such"):
        thumbnailer.make_thumbnails(tmp_path / name)


def test_settings_as_a_second_argument_are_told_how_they_are_named(photos: Path) -> None:
    for call in (thumbnailer.make_thumbnails, thumbnailer.verify, thumbnailer.iter_thumbnails):
        with pytest.raises(ConfigError) as raised:
            call(photos, {"size": 10})  # type: ignore[arg-type]
        assert str(raised.value) == (
            "settings = {'size': 10}: must be a Settings; single settings are named, as in "
            "make_thumbnails(sources, size=10)"
        )


def test_the_command_line_tells_shortly_too(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    huge = "x" * 100_000
    for words in (["make", huge], ["make", tmp_path, "--size", huge], ["make", "-c", huge, "."]):
        run = program(*words)
        assert run.code != 0
        assert run.err.count("x") <= 300, run.err[:300]
