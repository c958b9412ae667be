"""The state of a watch as metrics, in the text form of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

import thumbnailer
from thumbnailer.watcher.health.state import BUCKETS, IDLE, STARTING, STOPPED, WORKING, Health

_STATES = (STARTING, WORKING, IDLE, "waiting", STOPPED)

# A sample: what follows the name of its metric, its labels, and its value.
_Sample = tuple[str, Mapping[str, str], float]


def metrics(health: Health, updated: float, name: str) -> str:
    """Return the metrics of a watch.

    Args:
        updated: when the watch last went on, seconds since the epoch.
        name: the value of the label `watch` that each sample has, since a collector that reads the
            files of two watches refuses samples that are alike.
    """
    return "".join(
        f"# HELP {metric} {about}\n# TYPE {metric} {kind}\n"
        + "".join(
            f"{metric}{suffix}{_labels({'watch': name, **labels})} {value!r}\n"
            for suffix, labels, value in samples
        )
        for metric, kind, about, samples in _families(health, updated)
        if samples
    )


def _families(health: Health, updated: float) -> Iterator[tuple[str, str, str, list[_Sample]]]:
    """Yield each metric: its name, its kind, what it tells, and its samples."""
    tally, error = health.tally, health.tally.last_error
    yield (
        "thumbnailer_pictures_total",
        "counter",
        "Pictures since the start of the watch, by what became of them.",
        [("", {"status": status}, count) for status, count in tally.counts.items()],
    )
    counts = [*accumulate(tally.durations)]
    limits = [*map(str, BUCKETS), "+Inf"]
    yield (
        "thumbnailer_picture_duration_seconds",
        "histogram",
        "How long workers took for a picture, made or failed.",
        [
            *(("_bucket", {"le": at}, count) for at, count in zip(limits, counts, strict=True)),
            ("_sum", {}, tally.seconds),
            ("_count", {}, counts[-1]),
        ],
    )
    status = health.status.partition(" ")[0]
    yield (
        "thumbnailer_state",
        "gauge",
        "1 for what the watch is doing, 0 for the others.",
        [("", {"state": state}, int(state == status)) for state in _STATES],
    )
    for metric, about, value in (
        ("backlog_pictures", "Pictures that have changed and are not done.", health.backlog),
        (
            "oldest_pending_seconds",
            "How long the oldest of these has been waiting.",
            health.oldest_pending_seconds,
        ),
        ("last_rescan_timestamp_seconds", "When all was last read.", health.last_rescan),
        ("start_timestamp_seconds", "When the watch was started.", health.started),
        ("updated_timestamp_seconds", "When the watch last went on.", updated),
    ):
        yield f"thumbnailer_{metric}", "gauge", about, [] if value is None else [("", {}, value)]
    yield (
        "thumbnailer_last_error_timestamp_seconds",
        "gauge",
        "When the last error came up, by its stage.",
        [("", {"stage": error.stage}, error.time)] if error else [],
    )
    info = {"version": thumbnailer.__version__, "mode": health.mode}
    yield "thumbnailer_watch_info", "gauge", "What runs.", [("", info, 1)]


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    # A file name may hold bytes that are no UTF-8, which the form requires.
    text = value.encode(errors="backslashreplace").decode()
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
