"""A watch never goes beyond its folders: no link leads it out, and what is moved out is let go."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.marks import needs_proc
from support.pictures import picture
from support.processes import send, watches_of
from support.watching import (
    await_event,
    catches_up,
    errors,
    failed,
    of_source,
    rows,
    shell,
    soon,
    starting_tree,
    watching,
)

from thumbnailer import Settings
from thumbnailer.model import Outcome, Source
from thumbnailer.watcher.loop import WatchLoop
from thumbnailer.watcher.observer.events import Event
from thumbnailer.watcher.roots.root import WatchedRoot
from thumbnailer.watcher.work import WatchOptions

MODES: dict[str, list[str]] = {
    "beside": [],
    "output": ["--output", "out"],
    "polling": ["--poll", "0.3"],
    "polling-output": ["--poll", "0.3", "--output", "out"],
}

# How a link to a folder elsewhere comes to be where pictures are looked for. `../beyond` has the
# pictures `sub/c.jpg`, `sub/deep/d.jpg` and `x.jpg`, as the watched folder has in part.
WAYS = {
    "a folder with a link is moved in": ["ln -s ../../beyond ../else/album/l; mv ../else/album ."],
    "a folder with a link is copied in": [
        "ln -s ../../beyond ../else/album/l; cp -a ../else/album ."
    ],
    "a folder deep below has the link": [
        "mkdir -p ../else/album/x/y; ln -s ../../../../../beyond ../else/album/x/y/l.jpg;"
        "mv ../else/album z",
    ],
    "a folder with a link is renamed": ["ln -s ../../beyond sub/l", "mv sub other; mv a.jpg other"],
    "the link itself": ["ln -s ../beyond .; ln -s ../beyond l.jpg"],
    "the link is renamed": ["ln -s ../beyond one", "mv one two; mv two sub/three"],
    "a link takes the place of a folder": ["mv sub ../away; ln -s ../beyond/sub sub"],
    "it leads to the folder itself": ["mv sub ../away; ln -s ../away sub"],
    "a link takes the place of a folder that is deleted": ["rm -r sub; ln -s ../beyond/sub sub"],
    "a link is moved to the place": ["ln -s beyond/sub ../link; mv sub ../away; mv ../link sub"],
    "in the middle of the tree": ["mv sub/deep ../away; ln -s ../../beyond/sub/deep sub/deep"],
    "it is replaced and comes back": [
        "mv sub ../away; ln -s ../beyond/sub sub",
        "rm sub; mv ../away sub; cp ../else/new.jpg sub/deep",
    ],
    "link and folder change places": [
        "ln -s ../beyond/sub link",
        "mv sub x; mv link sub; mv x link; cp ../else/new.jpg link/deep",
    ],
    "folders, and links in their places, again and again": [
        "for n in 1 2 3 4 5 6 7 8; do mkdir f; cp ../else/new.jpg f; mv f f$n;"
        "ln -s ../beyond f; rm f; mkdir -p f/sub; mv f ../f$n; ln -s ../beyond f; rm f; done"
    ],
}
QUICK = {"a folder with a link is moved in", "a link takes the place of a folder"}


def everything_below(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def beyond(photos: Path) -> Path:
    """A folder of pictures that are none of the watch's business."""
    folder = photos.parent / "beyond"
    for count, name in enumerate(("x.jpg", "sub/c.jpg", "sub/deep/d.jpg")):
        picture(folder / name, (200 + count, 100))
    return folder


def folders(photos: Path) -> int:
    """How many folders there are, links to folders aside."""
    return 1 + sum(path.is_dir() and not path.is_symlink() for path in photos.rglob("*"))


def _mark(way: str, mode: str, stopped: bool) -> list[pytest.MarkDecorator]:
    if way in QUICK and mode in ("beside", "polling") and not stopped:
        return []
    is_rare = mode == "polling-output" or (stopped and mode == "output")
    return [pytest.mark.nightly if is_rare else pytest.mark.slow]


@pytest.mark.parametrize(
    ("way", "options", "stopped"),
    [
        pytest.param(
            way,
            options,
            stopped,
            id=f"{way}-{mode}{'-stopped' * stopped}",
            marks=_mark(way, mode, stopped),
        )
        for way in WAYS
        for mode, options in MODES.items()
        for stopped in (False, True)
        if not (stopped and "--poll" in options)  # which sees all of it at once anyway
    ],
)
@needs_proc
def test_no_link_leads_out(
    photos: Path, monkeypatch: pytest.MonkeyPatch, way: str, options: list[str], stopped: bool
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    before = everything_below(beyond(photos))
    arguments: list[str | Path] = [*options, "--rescan", "2", photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        for line in WAYS[way]:
            if stopped:  # it learns of all that happens when it is over
                send(watch.process.pid, signal.SIGSTOP)
            shell(line, photos)
            if stopped:
                send(watch.process.pid, signal.SIGCONT)
            catches_up(watch, *arguments)
        picture(photos.parent / "beyond" / "sub" / "later.jpg", (99, 9))
        await_event(watch, "rescan", 2)
        catches_up(watch, *arguments)
        shell("rm ../beyond/sub/later.jpg", photos)
        assert everything_below(photos.parent / "beyond") == before
        assert not failed(watch)
        through = [row for row in rows(watch) if "/l/" in str(row) or "later.jpg" in str(row)]
        assert not through


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--output", "out"]], ids=["beside", "output"])
@needs_proc
def test_what_is_moved_out_is_let_go(
    photos: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    arguments: list[str | Path] = [*options, photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        shell("mv sub ../away", photos)
        catches_up(watch, *arguments)
        moved = everything_below(photos.parent / "away")
        shell("cp ../else/new.jpg ../away; cp ../else/new.jpg ../away/deep", photos)
        shell("mkdir sub; ln -s ../../away sub/link; cp ../else/large.jpg sub/last.jpg", photos)
        catches_up(watch, *arguments)
        soon(watch, lambda: of_source(watch, photos / "sub" / "last.jpg") == ["made"])
        shell("rm ../away/new.jpg ../away/deep/new.jpg", photos)
        assert everything_below(photos.parent / "away") == moved
        assert not [row for row in rows(watch) if "new.jpg" in str(row)]


@pytest.mark.slow
@needs_proc
def test_folders_that_are_gone_hold_no_watches(photos: Path) -> None:
    starting_tree(photos)
    for number in range(30):
        picture(photos / "many" / f"{number}" / "inner" / "a.jpg", (70 + number, 48))
    with watching(photos) as watch:
        catches_up(watch, photos)
        assert watches_of(watch.process.pid) == folders(photos)
        for line in ("mv many/1? many/2? ..", "mv many ..", "mv ../many ../1? ../2? .", "rm -r 1?"):
            shell(line, photos)
            catches_up(watch, photos)
            soon(watch, lambda: watches_of(watch.process.pid) == folders(photos))
        assert not failed(watch)


@pytest.mark.slow
@needs_proc
def test_nothing_is_printed_about_folders_that_come_and_go(photos: Path) -> None:
    starting_tree(photos)
    with watching(photos) as watch:
        for _ in range(5):
            shell("mkdir -p x/y/z; cp ../else/new.jpg x/y/z; mv x ..; mv ../x .; mv x w", photos)
            shell("cp -r ../else/album .; mv album w/y; mv w/y/album .; rm -r album w", photos)
        catches_up(watch, photos)
        assert errors(watch) == ""


@pytest.fixture
def loop(photos: Path, tmp_path: Path) -> WatchLoop:
    """A watch that is not running, so that events can be made up."""
    starting_tree(photos)
    beyond(photos)
    settings = Settings(size=24, output=str(tmp_path / "out"))
    return WatchLoop(photos, settings, WatchOptions(), stop=threading.Event())


def through_links(photos: Path) -> list[str]:
    """Put links in the places of folders; return paths that lead through them."""
    shell("mv sub ../away; ln -s ../beyond/sub sub; ln -s ../beyond other; ln -s . self", photos)
    inner = ("sub/c.jpg", "sub/deep", "sub/deep/d.jpg", "sub/deep/no.jpg", "other/sub", "self/sub")
    return [str(photos / name) for name in (*inner, "other/x.jpg", "self/a.jpg", "self/sub/c.jpg")]


def test_an_event_that_names_what_is_behind_a_link_comes_to_nothing(
    loop: WatchLoop, photos: Path
) -> None:
    paths = [*through_links(photos), *(str(photos / name) for name in ("sub", "other", "self"))]
    for kind, path in itertools.product(("closed", "touched", "gone", "folder"), paths):
        loop._incoming.take(Event(kind, path))  # type: ignore[arg-type]
    waiting = loop._work.settling.settled(float("inf"), 1000) | loop._work.settling.settled(
        float("inf"), 99
    )
    (root,) = loop._work.roots
    assert list(root.sources_at([*waiting, *paths])) == []
    assert not {path for path in waiting if Path(path).parent != photos}


@pytest.mark.parametrize("moment", ["listed", "found"])
def test_a_link_that_comes_while_pictures_are_looked_for(
    loop: WatchLoop, photos: Path, moment: str
) -> None:
    (root,) = loop._work.roots
    root._identity = (0, 0)  # as if it were watched
    found: list[Source | Outcome] = []
    swap: Callable[[], object] = lambda: through_links(photos)  # noqa: E731
    stop = threading.Event()
    if moment == "listed":
        found += root.sources_at(_after_first(swap, sorted(map(str, photos.rglob("*.jpg")))))
    else:
        for item in root.sources(stop):
            found.append(item)
            if len(found) == 1:
                swap()
    sizes = {item.size_bytes for item in found if isinstance(item, Source)}
    assert sizes.isdisjoint(path.stat().st_size for path in (photos.parent / "beyond").rglob("*.*"))
    assert all("/sub" in item.source.path for item in found if isinstance(item, Outcome))


def _after_first(call: Callable[[], object], paths: list[str]) -> list[str]:
    call()
    return paths


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="takes handles on folders")
def test_kinds_of_what_is_there(photos: Path, loop: WatchLoop) -> None:
    paths = through_links(photos)
    (root,) = loop._work.roots
    assert isinstance(root, WatchedRoot)
    assert {root.kind_at(path) for path in paths} == {""}
    kinds = {name: root.kind_at(str(photos / name)) for name in ("a.jpg", "sub", "nowhere")}
    assert kinds == {"a.jpg": "file", "sub": "file", "nowhere": ""}
    (photos / "folder").mkdir()
    assert root.kind_at(str(photos / "folder")) == "folder"
