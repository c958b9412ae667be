"""Which failures a watch tells of: those that last, not those of an instant."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from support.marks import posix_only
from support.pictures import picture

from thumbnailer.imaging.failures import CHANGING, EMPTY, TRUNCATED
from thumbnailer.model import Failure, Outcome, Source
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.watcher.reporting import OutcomeFilter
from thumbnailer.watcher.settling import SettlingFiles


def failed(path: Path, stage: str, reason: str) -> Outcome:
    return Outcome(Source(str(path), 1, 1), "failed", error=Failure(stage, reason, lasts=False))


def test_what_was_away_and_is_there_again_is_tried_again_however_often(photos: Path) -> None:
    path, settling = picture(photos / "a.jpg"), SettlingFiles(0)
    outcome_filter = OutcomeFilter([], settling)
    missing = os.strerror(2)
    for reason in (missing, f"{photos}: {missing}", missing, f"{photos}: {missing}"):
        stage = "write" if ":" in reason else "open"
        assert outcome_filter.to_report(failed(path, stage, reason), is_unclosed=False) is None
        assert str(path) in settling
        settling.discard(str(path))


def test_what_goes_away_again_while_it_is_looked_for_has_not_failed(photos: Path) -> None:
    path, settling = picture(photos / "a.jpg"), SettlingFiles(0)

    def ask(call: Callable[[str], bool], place: str) -> bool:
        answer = call(place)
        path.rename(photos.parent / "away.jpg") if path.exists() else None
        return answer

    outcome_filter = OutcomeFilter([], settling, ask)
    assert outcome_filter.to_report(failed(path, "open", os.strerror(2)), is_unclosed=False) is None
    assert str(path) in settling


@posix_only
def test_a_link_to_nothing_is_told_of(photos: Path) -> None:
    path, settling = photos / "a.jpg", SettlingFiles(0)
    path.symlink_to(photos / "nowhere.jpg")
    failure = failed(path, "open", os.strerror(2))
    assert OutcomeFilter([], settling).to_report(failure, is_unclosed=False) == failure


def test_a_folder_that_stays_away_is_told_of_at_the_second_failure(photos: Path) -> None:
    path, settling = picture(photos / "a.jpg"), SettlingFiles(0)
    outcome_filter = OutcomeFilter([], settling)
    failure = failed(path, "write", f"{photos / 'nowhere'}: {os.strerror(2)}")
    assert outcome_filter.to_report(failure, is_unclosed=False) is None
    assert str(path) in settling
    assert outcome_filter.to_report(failure, is_unclosed=False) == failure


def passing(
    path: Path, seconds: float = 0.0, size_bytes: int = 1, stage: str = "crashed"
) -> Outcome:
    """A failure that may pass, such as of a worker that was killed."""
    failure = Failure(stage, "crashed: the worker process was ended by SIGKILL", lasts=False)
    return Outcome(Source(str(path), size_bytes, 1), "failed", error=failure, seconds=seconds)


def pauses(path: Path, seconds: float = 0.0, times: int = 12) -> list[float]:
    """How long it takes until a picture is tried again that fails again and again."""
    settling, found = SettlingFiles(0), []
    outcome_filter = OutcomeFilter([], settling)
    for number in range(times):
        told = outcome_filter.to_report(passing(path, seconds), is_unclosed=False)
        assert (told is not None) == (number == 0)  # it is told once
        failed_at = time.monotonic()
        pause = 0.0
        while str(path) not in settling:
            pause += 0.5
            outcome_filter.start_retries(failed_at + pause)
            assert pause < 10_000
        settling.discard(str(path))
        found.append(pause)
    return found


def test_what_failed_and_may_pass_is_tried_again_after_pauses_that_grow(photos: Path) -> None:
    found = pauses(picture(photos / "a.jpg"))
    assert found[0] <= 3
    assert found == sorted(found)
    assert all(after >= 1.5 * before for before, after in pairwise(found[:8]))
    assert 500 < found[-1] < 700


def test_a_picture_that_takes_long_to_fail_is_tried_less_often(photos: Path) -> None:
    assert pauses(picture(photos / "a.jpg"), seconds=60, times=1)[0] > 1000


def test_a_rescan_leaves_it_out_until_then_unless_it_is_cheap_or_has_changed(photos: Path) -> None:
    path = picture(photos / "a.jpg")
    outcome_filter = OutcomeFilter([], SettlingFiles(0))
    outcome_filter.to_report(passing(path, 30), is_unclosed=False)
    assert outcome_filter.must_wait(Source(str(path), 1, 1))
    assert not outcome_filter.must_wait(Source(str(path), 2, 1))
    assert not outcome_filter.must_wait(Source(str(photos / "b.jpg"), 1, 1))
    outcome_filter.to_report(passing(path, stage="open"), is_unclosed=False)
    assert not outcome_filter.must_wait(Source(str(path), 1, 1))


def test_a_picture_that_has_changed_begins_anew(photos: Path) -> None:
    path, settling = picture(photos / "a.jpg"), SettlingFiles(0)
    outcome_filter = OutcomeFilter([], settling)
    for _ in range(8):
        outcome_filter.to_report(passing(path), is_unclosed=False)
    outcome_filter.to_report(passing(path, size_bytes=2), is_unclosed=False)
    outcome_filter.start_retries(time.monotonic() + 3)
    assert str(path) in settling


@pytest.mark.parametrize("how", ["made", "gone", "fails for good"])
def test_what_is_done_with_is_not_tried_again(photos: Path, how: str) -> None:
    path, settling = picture(photos / "a.jpg"), SettlingFiles(0)
    outcome_filter = OutcomeFilter([], settling)
    outcome_filter.to_report(passing(path), is_unclosed=False)
    if how == "made":
        outcome_filter.to_report(Outcome(Source(str(path), 1, 1), "made"), is_unclosed=False)
    elif how == "gone":
        outcome_filter.forget(str(path))
    else:
        failure = Failure("open", "is text, no picture")
        outcome = Outcome(Source(str(path), 1, 1), "failed", error=failure)
        outcome_filter.to_report(outcome, is_unclosed=False)
    outcome_filter.start_retries(time.monotonic() + 10_000)
    assert str(path) not in settling


def test_reasons_of_files_that_are_gone_are_forgotten(photos: Path) -> None:
    paths = [picture(photos / f"{number}.jpg") for number in range(10)]
    outcome_filter = OutcomeFilter([], SettlingFiles(0))

    def tell() -> list[Path]:
        failures = [failed(path, "open", "is text, no picture") for path in paths]
        told = [outcome_filter.to_report(failure, is_unclosed=False) for failure in failures]
        return [Path(outcome.source.path) for outcome in told if outcome]

    assert tell() == paths
    assert tell() == []
    for path in paths[3:]:
        path.rename(path.with_suffix(".away"))
    outcome_filter.forget_gone()
    assert tell() == []
    assert len(outcome_filter._reported) == 3
    for path in paths[3:]:
        path.with_suffix(".away").rename(path)
    assert tell() == paths[3:]


def test_what_fails_since_it_is_gone_is_not_told(photos: Path) -> None:
    path, settling = picture(photos / "a.jpg"), SettlingFiles(0)
    outcome_filter = OutcomeFilter([], settling)
    path.unlink()
    assert outcome_filter.to_report(failed(path, "open", os.strerror(2)), is_unclosed=False) is None
    assert len(settling) == 0
    path.symlink_to("nowhere")
    assert outcome_filter.to_report(failed(path, "open", os.strerror(2)), is_unclosed=False)


def test_what_changes_while_it_is_read_is_read_again(photos: Path) -> None:
    path, settling = picture(photos / "a.jpg"), SettlingFiles(0)
    outcome_filter = OutcomeFilter([], settling)
    for _ in range(3):
        assert outcome_filter.to_report(failed(path, "open", CHANGING), is_unclosed=False) is None
        assert str(path) in settling
        settling.discard(str(path))


@pytest.mark.parametrize("reason", [f"{TRUNCATED} at 40 %", EMPTY])
def test_what_may_be_unfinished_is_told_if_it_stays_so(photos: Path, reason: str) -> None:
    path, settling = picture(photos / "a.jpg"), SettlingFiles(0)
    outcome_filter = OutcomeFilter([], settling)
    first = lasting(path, reason)
    assert outcome_filter.to_report(first, is_unclosed=True) is None
    now = time.monotonic()
    assert settling.settled(now + 30, 9) == {}  # its writer may go on
    assert [*settling.settled(now + 90, 9)] == [str(path)]
    again = lasting(path, f"{reason}{FAILED_BEFORE}", seconds=0)
    assert outcome_filter.to_report(again, is_unclosed=True) == first
    assert outcome_filter.to_report(again, is_unclosed=True) is None
    assert outcome_filter.to_report(lasting(path, reason), is_unclosed=False)


def test_what_is_tried_again_and_fails_alike_is_told_again(photos: Path) -> None:
    path = picture(photos / "a.jpg")
    outcome_filter = OutcomeFilter([], SettlingFiles(0))
    for _ in range(2):
        tried = lasting(path, "is text, no picture")
        assert outcome_filter.to_report(tried, is_unclosed=False) == tried
        only_seen = lasting(path, "is text, no picture", seconds=0)
        assert outcome_filter.to_report(only_seen, is_unclosed=False) is None


def lasting(path: Path, reason: str, seconds: float = 0.1) -> Outcome:
    """A failure that stays until the picture is another one."""
    return Outcome(
        Source(str(path), 1, 1), "failed", error=Failure("open", reason), seconds=seconds
    )
