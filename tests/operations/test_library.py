"""The library: the same work, for a program."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from support.pictures import files_below, picture, tree
from support.program import PYTHON_THAT_FORKS, in_a_process
from support.waiting import eventually

import thumbnailer
from thumbnailer import (
    ConfigError,
    OutputError,
    PictureError,
    Progress,
    Report,
    Settings,
    SourceError,
    Thumbnail,
    ThumbnailError,
    clean,
    iter_thumbnails,
    make_thumbnail,
    make_thumbnails,
    prune,
    verify,
)


def test_one_picture(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.jpg", (640, 480))
    target = tmp_path / "a_small.webp"
    made = make_thumbnail(str(source), str(target), size=256)
    assert made == Thumbnail(str(target), 256, 192, target.stat().st_size, target.read_bytes())
    with Image.open(target) as image:
        assert (image.size, image.format) == ((256, 192), "WEBP")


def test_one_picture_is_made_in_this_process(tmp_path: Path) -> None:
    make_thumbnail(picture(tmp_path / "a.jpg"), tmp_path / "b.jpg")
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("source", "target", "options", "error", "words"),
    [
        ("missing.jpg", "o.jpg", {}, FileNotFoundError, "missing.jpg: no such file or folder"),
        ("folder", "o.jpg", {}, SourceError, "folder: is a folder"),
        ("text.jpg", "o.jpg", {}, PictureError, "text.jpg: open: is text, no picture"),
        ("good.jpg", "o.xyz", {}, ConfigError, "its ending says no format"),
        ("good.jpg", "o.jpg", {"size": 0}, ValueError, "size = 0: must be"),
        ("good.jpg", "o.jpg", {"quality": 500}, ConfigError, "quality = 500: must be"),
        ("good.jpg", "o.jpg", {"max_pixels": 9}, PictureError, "limits: has 96 x 64 px"),
        ("good.jpg", "no/o.jpg", {}, OutputError, "no/o.jpg: No such file or directory"),
        ("good.jpg", "good.jpg", {}, ConfigError, "good.jpg: is the source itself"),
    ],
)
def test_what_goes_wrong_is_a_thumbnail_error_that_says_what(
    tmp_path: Path,
    source: str,
    target: str,
    options: dict[str, int],
    error: type[Exception],
    words: str,
) -> None:
    picture(tmp_path / "good.jpg")
    (tmp_path / "text.jpg").write_text("text")
    (tmp_path / "folder").mkdir()
    before = files_below(tmp_path)
    with pytest.raises(error, match=words) as raised:
        make_thumbnail(tmp_path / source, tmp_path / target, **options)  # type: ignore[arg-type]
    assert isinstance(raised.value, ThumbnailError)
    assert files_below(tmp_path) == before


def test_a_folder_gives_a_report_and_prints_nothing(
    photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tree(photos, "a.jpg", "b.png")
    (photos / "c.jpg").touch()
    report = make_thumbnails(photos, size=(50, 50))
    assert isinstance(report, Report)
    assert (report.found, report.made, report.current, report.skipped, report.failed) == (
        *(3, 2, 0, 0),
        1,
    )
    assert [str(bad.source) for bad in report.failures] == [str(photos / "c.jpg")]
    assert report.seconds > 0
    assert make_thumbnails(photos, size=(50, 50)).current == 2
    assert capfd.readouterr() == ("", "")


def test_a_report_is_short_in_a_notebook_however_much_has_failed(photos: Path) -> None:
    for name in "abcd":
        (photos / f"{name}.jpg").touch()
    report = make_thumbnails(photos)
    assert repr(report) == (
        "Report(found=4, made=0, current=0, skipped=0, failed=4, removed=0, "
        f"seconds={report.seconds})"
    )
    verified = verify(photos)
    assert len(verified.findings) == 4
    assert "failed=4" in repr(verified)
    assert "a.jpg" not in repr(verified)


def test_a_report_of_a_pruning_is_short_too(photos: Path) -> None:
    make_thumbnails(tree(photos, "a.jpg", "b.jpg", "c.jpg"))
    (photos / "a.jpg").unlink()
    report = prune(photos)
    assert [removal.status for removal in report.removals] == ["removed"]
    counts = "thumbnails=3, orphaned=1, stale=0"
    assert repr(report) == f"PruneReport({counts}, seconds={report.seconds})"
    cleaned = clean(photos)
    counts = f"thumbnails=2, pages=0, folders=1, size_bytes={cleaned.size_bytes}"
    assert repr(cleaned) == f"CleanReport({counts}, seconds={cleaned.seconds})"


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_paths_may_be_str_bytes_or_path(photos: Path, kind: type) -> None:
    tree(photos, "a.jpg")
    assert make_thumbnails(kind(str(photos)), force=True).made == 1
    assert make_thumbnails([kind(str(photos))], force=True).made == 1
    assert len(list(iter_thumbnails([kind(str(photos / "a.jpg"))], force=True))) == 1
    if kind is not os.fsencode:  # which are content there
        assert make_thumbnail(kind(str(photos / "a.jpg")), kind(str(photos / "o.jpg"))).width == 96


def test_outcomes_come_lazily_and_carry_their_source(photos: Path) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(50)))
    read = []

    def paths() -> Iterator[Path]:
        for number in range(50):
            read.append(number)
            yield photos / f"{number}.jpg"

    outcomes = iter_thumbnails(paths(), size=32, jobs=1)
    assert read == []
    first = next(outcomes)
    assert len(read) <= 5
    everything = [first, *outcomes]
    assert {str(outcome.source) for outcome in everything} == {
        str(photos / f"{number}.jpg") for number in range(50)
    }
    for outcome in everything:
        assert outcome.status == "made"
        assert outcome.error is None
        (thumbnail,) = outcome.thumbnails
        assert os.path.basename(thumbnail.path) == os.path.basename(outcome.source)
        assert os.path.getsize(thumbnail.path) == thumbnail.size_bytes


def test_a_missing_lone_source_is_raised_at_once_with_its_path(photos: Path) -> None:
    missing = photos / "missing"
    for call in (iter_thumbnails, make_thumbnails):
        with pytest.raises(SourceError, match="missing: no such file or folder") as raised:
            call(missing)
        assert isinstance(raised.value, FileNotFoundError)
        assert raised.value.filename == str(missing)
    with pytest.raises(SourceError):
        make_thumbnails([photos, missing])


def test_a_missing_path_among_many_is_a_failed_outcome(photos: Path) -> None:
    tree(photos, "a.jpg")
    paths: list[Path | bytes] = [photos / "missing.jpg", photos / "a.jpg", b"with\0nul.jpg"]
    outcomes = {os.path.basename(o.source): o for o in iter_thumbnails(paths)}
    assert outcomes["a.jpg"].status == "made"
    assert outcomes["missing.jpg"].status == outcomes["with\0nul.jpg"].status == "failed"
    assert outcomes["missing.jpg"].error
    assert outcomes["missing.jpg"].error.reason == "is not there"


def test_settings_and_single_settings(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    settings = Settings(size=40, format="png", output=tmp_path / "one")
    make_thumbnails(photos, settings=settings)
    make_thumbnails(photos, settings=settings, output=str(tmp_path / "two"), size="20x")
    for folder, size in (("one", (40, 27)), ("two", (20, 13))):
        with Image.open(tmp_path / folder / "a.jpg.png") as image:
            assert image.size == size
    with pytest.raises(ConfigError, match="qualty = 3: there is no such setting; did you mean q"):
        make_thumbnails(photos, qualty=3)  # type: ignore[call-arg]
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.quality = 3  # type: ignore[misc]


def test_a_caller_is_told_how_far_it_is(photos: Path) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(20)))
    (photos / "bad.jpg").write_text("text")
    told: list[Progress] = []
    for sources in (photos, iter([photos])):
        told.clear()
        report = make_thumbnails(sources, force=True, progress=told.append)
        assert [one.done for one in told] == [*range(1, 22)]
        assert {one.outcome.source.path for one in told} == {*map(str, photos.glob("*.jpg"))}
        assert told[-1].failed == report.failed == 1
        assert {one.found for one in told} <= {0, 21}
        assert told[-1].found == 21, "counting is much faster than making"
    with pytest.raises(dataclasses.FrozenInstanceError):
        told[0].done = 3  # type: ignore[misc]


def test_what_a_caller_raises_when_told_ends_the_run(photos: Path) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(50)))

    def stop(progress: Progress) -> None:
        raise LookupError(progress.done)

    with pytest.raises(LookupError, match="1"):
        make_thumbnails(photos, progress=stop)
    assert "thumbnailer-count" not in {thread.name for thread in threading.enumerate()}
    assert make_thumbnails(photos).made > 0


def test_leaving_the_loop_ends_the_workers(photos: Path) -> None:
    for number in range(30):
        picture(photos / f"{number}.png", (1500, 1500), compress_level=1)

    def stop_by_break() -> None:
        for _ in iter_thumbnails(photos, force=True):
            break

    def stop_by_exception() -> None:
        for _ in iter_thumbnails(photos, force=True):
            raise LookupError

    def stop_by_collection() -> None:
        outcomes = iter_thumbnails(photos, force=True)
        next(outcomes)
        del outcomes

    for stop in (stop_by_break, stop_by_exception, stop_by_collection):
        with contextlib.suppress(LookupError):
            stop()
        gc.collect()
        eventually(lambda: not multiprocessing.active_children())
        assert not [name for name in files_below(photos) if name.endswith(".tmp")]


def test_a_stop_event_ends_it_and_every_source_is_accounted_for(photos: Path) -> None:
    for number in range(30):
        picture(photos / f"{number}.png", (1500, 1500), compress_level=1)
    stop = threading.Event()
    outcomes = []
    for outcome in iter_thumbnails(photos, stop_event=stop):
        outcomes.append(outcome)
        stop.set()
    assert outcomes[0].status == "made"
    assert len(outcomes) < 30
    assert len({str(outcome.source) for outcome in outcomes}) == len(outcomes)
    assert {o.error.reason for o in outcomes if o.error} == {"interrupted"}


def test_two_threads_with_different_settings_do_not_disturb_each_other(photos: Path) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(30)))
    reports = {}

    def work(size: int) -> None:
        output = photos / f"out {size}"
        reports[size] = make_thumbnails(photos, size=size, output=output, include=("*.jpg",))

    photos_before = files_below(photos)
    threads = [threading.Thread(target=work, args=(size,)) for size in (20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for size in (20, 40):
        assert reports[size].made == 30
        for name in photos_before:
            with Image.open(photos / f"out {size}" / name) as image:
                assert image.width == size


SCRIPT = """
import multiprocessing, os, sys
if len(sys.argv) > 2:
    multiprocessing.set_start_method(sys.argv[2])
print("script runs", flush=True)
from thumbnailer import make_thumbnails
report = make_thumbnails(sys.argv[1], force=True)
print(report.made, multiprocessing.get_start_method())
class Mine: pass
import pickle
assert isinstance(pickle.loads(pickle.dumps(Mine())), Mine)
"""


@pytest.mark.parametrize("method", [[], ["spawn"], ["forkserver"], ["fork"]])
@pytest.mark.few(2)
def test_a_plain_script_needs_no_main_guard(photos: Path, tmp_path: Path, method: str) -> None:
    tree(photos, "a.jpg", "b.jpg")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, photos, *method], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "script runs"
    assert done.stdout.splitlines()[1].startswith("2 ")
    assert done.stdout.count("script runs") == 1


UNFINISHED = """
import sys
from thumbnailer import iter_thumbnails
outcomes = iter_thumbnails(sys.argv[1])
print(next(outcomes).status)
"""


def test_a_program_may_end_with_an_iterator_unfinished(photos: Path) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(50)))
    done = subprocess.run(
        [sys.executable, "-c", UNFINISHED, photos], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("made\n", "")


FORKED = """
import os, sys
from thumbnailer import make_thumbnails
print(make_thumbnails(sys.argv[1], force=True).made, flush=True)
child = os.fork()
if child == 0:
    print(make_thumbnails(sys.argv[1], force=True).made, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_forked_process_has_workers_of_its_own(photos: Path) -> None:
    tree(photos, "a.jpg")
    done = subprocess.run(
        [*PYTHON_THAT_FORKS, "-c", FORKED, photos], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("1\n1\n", "")


BESIDE = """
import multiprocessing, sys, threading
from thumbnailer import make_thumbnails
def mine(): pass
if __name__ == "__main__":
    done = threading.Event()
    def work():
        while not done.is_set():
            make_thumbnails(sys.argv[1], force=True)
    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(15):
        process = multiprocessing.get_context("spawn").Process(target=mine)
        process.start()
        process.join()
        print(process.exitcode)
    done.set()
    thread.join()
"""


@pytest.mark.slow
def test_the_program_s_own_processes_start_as_ever(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    (tmp_path / "script.py").write_text(BESIDE)
    command = [sys.executable, str(tmp_path / "script.py"), str(photos)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr) == ("0\n" * 15, "")


def test_when_no_worker_can_start_every_source_is_accounted_for(
    photos: Path, tmp_path: Path
) -> None:
    tree(photos, "a.jpg", "b.jpg")
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise ImportError('Pillow is broken')")
    run = in_a_process("make", photos, PYTHONPATH=str(tmp_path))
    assert run.code == 1
    assert run.out == "2 found, 0 made, 0 current, 2 skipped\n"
    complaint = "no worker process can be started: ImportError: Pillow is broken"
    assert run.err == f"thumbnailer: {complaint}\n"


def test_it_works_from_standard_input_as_in_a_notebook(photos: Path) -> None:
    tree(photos, "a.jpg")
    done = subprocess.run(
        [sys.executable, "-", photos], input=SCRIPT, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.startswith("script runs\n1 ")


def test_the_package_says_what_it_offers() -> None:
    for name in thumbnailer.__all__:
        assert getattr(thumbnailer, name).__doc__
        assert name in dir(thumbnailer)
    with pytest.raises(AttributeError):
        thumbnailer.no_such_name  # noqa: B018
    assert (Path(thumbnailer.__file__).parent / "py.typed").exists()


def test_importing_it_imports_no_pillow_tqdm_or_watchdog() -> None:
    code = "import sys, thumbnailer.cli.main; print({'PIL', 'tqdm', 'watchdog'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n"
