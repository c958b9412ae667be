"""What becomes of a worker's answers: thumbnails get their names, attempts a line in the ledger.

This is done by the process that started the run. Workers, which read files that nobody vetted,
write nothing at all; and what came back together is written together: one look at the folder and
one line of writing for up to sixteen thumbnails.
"""

from __future__ import annotations

import os
from itertools import groupby

from thumbnailer import ledger, storage
from thumbnailer.model import (
    Answer,
    Failure,
    Folder,
    Job,
    Outcome,
    Rendering,
    Thumbnail,
)
from thumbnailer.stages import StageError, stage


def finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
    """Write what workers made of some jobs, and say what became of each.

    Args:
        jobs: in any order; those of one folder that stand together are written together.
        answers: to each job, in the same order.
    """
    outcomes: list[Outcome] = []
    pairs = zip(jobs, answers, strict=True)
    for folder, group in groupby(pairs, key=lambda pair: pair[0].folder):
        outcomes += _finish_in(folder, list(group))
    return outcomes


def _finish_in(folder: Folder, pairs: list[tuple[Job, Answer]]) -> list[Outcome]:
    results: list[Thumbnail | Failure]
    try:
        with (
            stage("write", folder.path),
            storage.open_folder(folder, create=True) as opened,
        ):
            results = _write(opened, folder, pairs)
    except StageError as error:
        # A picture that failed by itself keeps its own reason, unless this one ends the run.
        trouble = error.failure
        results = [
            answer.result if isinstance(answer.result, Failure) and not trouble.fatal else trouble
            for _, answer in pairs
        ]
    return [
        _outcome(job, answer, result) for (job, answer), result in zip(pairs, results, strict=True)
    ]


def _outcome(job: Job, answer: Answer, result: Thumbnail | Failure) -> Outcome:
    if isinstance(result, Failure):
        return Outcome(job.source, "failed", error=result, seconds=answer.seconds)
    return Outcome(job.source, "made", (result,), seconds=answer.seconds, note=_note(answer.result))


def _note(result: Rendering | Failure) -> str:
    return result.note if isinstance(result, Rendering) else ""


def _write(
    opened: storage.OpenFolder, folder: Folder, pairs: list[tuple[Job, Answer]]
) -> list[Thumbnail | Failure]:
    made = [job for job, answer in pairs if isinstance(answer.result, Rendering)]
    ledger.announce(opened, made, shared=folder.shared)
    attempts = []
    for job, (result, _) in pairs:
        if isinstance(result, Rendering):
            thumbnail = _replace(opened, job, result)
            attempts.append(ledger.Attempt(job, result.state, thumbnail, result.note))
        else:
            attempts.append(ledger.Attempt(job, job.source, result, ""))
    lasting = [
        attempt
        for attempt in attempts
        if isinstance(attempt.result, Thumbnail) or attempt.result.lasts
    ]
    ledger.enter(opened, lasting, shared=folder.shared)
    return [attempt.result for attempt in attempts]


def _replace(opened: storage.OpenFolder, job: Job, rendering: Rendering) -> Thumbnail | Failure:
    try:
        with stage("write", opened.path):
            storage.replace(opened, job.name, rendering.data)
    except StageError as error:
        return error.failure
    path = os.path.join(opened.path, job.name)
    return Thumbnail(path, rendering.width, rendering.height, len(rendering.data))
