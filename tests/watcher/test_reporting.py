"""Which failures a watch tells of: those that last, not those of an instant."""

from __future__ import annotations

import os
from pathlib import Path

from support.pictures import picture

from thumbnailer.model import Failure, Outcome, Source
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


def test_a_folder_that_stays_away_is_told_of_at_the_second_failure(photos: Path) -> None:
    path, settling = picture(photos / "a.jpg"), SettlingFiles(0)
    outcome_filter = OutcomeFilter([], settling)
    failure = failed(path, "write", f"{photos / 'nowhere'}: {os.strerror(2)}")
    assert outcome_filter.to_report(failure, is_unclosed=False) is None
    assert str(path) in settling
    assert outcome_filter.to_report(failure, is_unclosed=False) == failure


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
