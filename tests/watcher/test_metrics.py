"""The metrics that a watch writes for Prometheus."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.marks import needs_proc
from support.pages import page
from support.pictures import picture, tree
from support.program import thumbnailer
from support.watching import soon, watching

import thumbnailer as package
from thumbnailer.errors import OutputError, SourceMissing, WorkerError
from thumbnailer.model import Failure, Outcome, Source
from thumbnailer.watcher.health.health_file import write_health
from thumbnailer.watcher.health.state import Health, Tally

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)",?')
SAMPLE = re.compile(rf"({NAME}){{(.*)}} (\S+)")
IDLE = Health(Tally(), 0, 0.0, None, "inotify", "idle", 0.0, 1.5)


def parsed(path: Path) -> tuple[Samples, dict[str, str]]:
    """The samples of a file in the text form, by name and labels, and the kinds of its metrics.

    Checks what https://prometheus.io/docs/instrumenting/exposition_formats/ demands."""
    samples: Samples = {}
    kinds: dict[str, str] = {}
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    metric = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            metric = line.split(" ")[2]
            assert metric not in kinds, "all lines of a metric are one group"
        elif line.startswith("# TYPE "):
            _, _, name, kinds[metric] = line.split(" ")
            assert name == metric
        elif not line.startswith("#"):
            found = SAMPLE.fullmatch(line)
            assert found, line
            name, inner, value = found.groups()
            of_histogram = "(_bucket|_sum|_count)" if kinds[metric] == "histogram" else ""
            assert re.fullmatch(metric + of_histogram, name)
            assert LABEL.sub("", inner) == ""
            labels = frozenset((key, unescaped(text)) for key, text in LABEL.findall(inner))
            assert (name, labels) not in samples, "no sample is there twice"
            samples[name, labels] = float(value)
    return samples, kinds


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text)


def values(path: Path, name: str) -> Mapping[str, float]:
    """The values of a metric, by its label besides `watch`, or "" if it has none."""
    samples, _ = parsed(path)
    found = {}
    for (of, labels), value in samples.items():
        if of == f"thumbnailer_{name}":
            others = [text for key, text in labels if key != "watch"]
            found["".join(others)] = value
    return found


def written(folder: Path, health: Health, name: str = "photos.prom") -> Path:
    write_health(str(folder / name), health)
    return folder / name


def failed(stage: str, seconds: float = 0.0) -> Outcome:
    return Outcome(Source("a.jpg", 1, 1), "failed", error=Failure(stage, "bad"), seconds=seconds)


@pytest.mark.slow
@needs_proc
def test_a_watch_tells_prometheus_how_it_is_doing(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    (photos / "broken.jpg").write_text("text")
    path, begin = tmp_path / "holiday.prom", time.time()
    with watching("--health", str(path), photos) as watch:
        soon(watch, lambda: values(path, "state")["idle"] == 1)
        picture(photos / "d.jpg")
        (photos / "a.jpg").unlink()
        soon(watch, lambda: values(path, "pictures_total")["removed"] == 1)
        soon(watch, lambda: values(path, "pictures_total")["made"] == 4)
        assert values(path, "pictures_total").keys() == {"made", "skipped", "failed", "removed"}
        assert values(path, "picture_duration_seconds_count") == {"": 5}
        assert values(path, "picture_duration_seconds_bucket")["+Inf"] == 5
        assert 0 < values(path, "picture_duration_seconds_sum")[""] < 60
        soon(watch, lambda: values(path, "backlog_pictures") == {"": 0})
        assert values(path, "oldest_pending_seconds") == {"": 0}
        for name, label in (
            ("last_error_timestamp_seconds", "open"),
            ("start_timestamp_seconds", ""),
            ("last_rescan_timestamp_seconds", ""),
            ("updated_timestamp_seconds", ""),
        ):
            assert begin - 1 < values(path, name)[label] < time.time() + 1
        samples, _ = parsed(path)
        assert all(("watch", "holiday") in labels for _, labels in samples)
        info = {("watch", "holiday"), ("version", package.__version__), ("mode", "inotify")}
        assert samples["thumbnailer_watch_info", frozenset(info)] == 1
        run = thumbnailer("health", path)
        assert run.code == 0
        assert re.search(r": \w+; 4 made, 1 failed, 0 waiting\n", run.out)
    assert values(path, "state")["stopped"] == 1
    assert thumbnailer("health", path).code == 1


def test_names_and_kinds_are_those_of_the_conventions(tmp_path: Path) -> None:
    tally = Tally()
    tally.add(failed("open"))
    _, kinds = parsed(written(tmp_path, replace(IDLE, tally=tally, last_rescan=1.0)))
    for name, kind in kinds.items():
        assert name.startswith("thumbnailer_")
        assert (kind == "counter") == name.endswith("_total")
        assert not re.search("_(ms|millis|minutes|hours)", name)
    assert kinds["thumbnailer_picture_duration_seconds"] == "histogram"
    assert kinds.keys() == set(re.findall(r"^\| `(thumbnailer_\w+)", page("service"), re.MULTILINE))


def test_the_histogram_adds_up(tmp_path: Path) -> None:
    tally = Tally()
    for seconds in (0.001, 0.01, 0.011, 0.2, 70.0):
        tally.add(failed("decode", seconds))
    tally.add(failed("open"))  # no worker had it
    path = written(tmp_path, replace(IDLE, tally=tally))
    buckets = values(path, "picture_duration_seconds_bucket")
    assert [*buckets.values()] == sorted(buckets.values())
    by_limit = [buckets[limit] for limit in ("0.01", "0.025", "0.1", "0.25", "60.0", "+Inf")]
    assert by_limit == [2, 3, 3, 4, 4, 5]
    assert values(path, "picture_duration_seconds_count") == {"": 5}
    assert values(path, "picture_duration_seconds_sum")[""] == pytest.approx(70.222)


@pytest.mark.parametrize(
    ("error", "stage"),
    [
        (OutputError("full"), "output"),
        (OSError("full"), "output"),
        (WorkerError("none starts"), "worker"),
        (SourceMissing(2, "gone", "photos"), "source"),
    ],
)
def test_an_error_that_affects_all_work_has_a_stage(
    tmp_path: Path, error: Exception, stage: str
) -> None:
    tally = Tally()
    assert not values(written(tmp_path, replace(IDLE, tally=tally)), "last_error_timestamp_seconds")
    tally.add(failed("decode"))
    tally.note_error(error)
    path = written(tmp_path, replace(IDLE, tally=tally))
    assert values(path, "last_error_timestamp_seconds").keys() == {stage}


def test_one_that_waits_is_in_a_state_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, replace(IDLE, status="waiting for /photos"))
    states = values(path, "state")
    assert states.keys() == {"starting", "working", "idle", "waiting", "stopped"}
    assert [state for state, value in states.items() if value] == ["waiting"]


@pytest.mark.parametrize("name", ['a"b', "a\\nb", "a\nb", "\u5199\u771f", "\udcff"])
def test_any_name_can_be_a_label(tmp_path: Path, name: str) -> None:
    samples, _ = parsed(written(tmp_path, IDLE, f"{name}.prom"))
    (label,) = {dict(labels)["watch"] for _, labels in samples}
    assert label == name.replace("\udcff", "\\udcff")


def test_others_may_read_it_as_far_as_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        path = written(tmp_path, IDLE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["photos.prom"]


def test_another_file_is_not_replaced(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "node.prom"
    for mine in ("# HELP up Mine.\nup 1\n", "# {}\n", "up 1\n", "# [1]\n"):
        path.write_text(mine)
        run = thumbnailer("watch", photos, "--health", path)
        assert run.code == 2
        assert "is no health file" in run.err
        assert path.read_text() == mine
        assert thumbnailer("health", path).code == 1
