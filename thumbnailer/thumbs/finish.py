"""Write what workers rendered: move thumbnails into place and record attempts in the ledger.

Only the process that started the run does this. Workers read untrusted files and write nothing.
Answers that arrive together are written together: each folder is opened once, and its attempts
are recorded with one write, for the thumbnails of up to sixteen pictures.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.model import (
    Answer,
    EncodedThumbnail,
    Failure,
    Folder,
    Job,
    Outcome,
    Rendering,
    Source,
    Thumbnail,
    WantedThumbnail,
)
from thumbnailer.recipe import Limits, attempt_fingerprint
from thumbnailer.thumbs import files, freedesktop, ledger


@dataclass(slots=True)
class ThumbnailTask:
    """One thumbnail of a job: what the worker made for it, and the result of writing that."""

    wanted: WantedThumbnail
    limits: Limits
    state: Source
    made: EncodedThumbnail | Failure
    note: str
    result: Thumbnail | Failure | None = None

    @property
    def name(self) -> str:
        """The thumbnail's file name, which for `auto` depends on the format it was made in."""
        is_png = (
            isinstance(self.made, EncodedThumbnail)
            and self.wanted.png_name
            and self.made.format == "png"
        )
        return self.wanted.png_name if is_png else self.wanted.name

    def attempt(self, result: Thumbnail | Failure) -> ledger.Attempt:
        """Return the attempt to record in the ledger."""
        recipe = self.wanted.recipe
        is_made = isinstance(result, Thumbnail)
        fingerprint = recipe.fingerprint if is_made else attempt_fingerprint(recipe, self.limits)
        return ledger.Attempt(
            self.name, self.wanted.origin, self.state, fingerprint, result, self.note
        )


def finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
    """Write the thumbnails that workers made for some jobs, and return the jobs' outcomes.

    Args:
        jobs: in any order; thumbnails in the same folder are written together.
        answers: one for each job, in the same order.
    """
    tasks = [list(tasks_of(job, answer)) for job, answer in zip(jobs, answers, strict=True)]
    by_folder: dict[Folder, list[ThumbnailTask]] = {}
    for task in (task for of_job in tasks for task in of_job):
        by_folder.setdefault(task.wanted.folder, []).append(task)
    for folder, folder_tasks in by_folder.items():
        _write_in_folder(folder, folder_tasks)
    return list(map(outcome_of, jobs, answers, tasks))


def tasks_of(job: Job, answer: Answer) -> list[ThumbnailTask]:
    """Return a task for each thumbnail that a job wants."""
    made = answer.result
    if isinstance(made, Failure):
        return [ThumbnailTask(wanted, job.limits, job.source, made, "") for wanted in job.wanted]
    assert isinstance(made, Rendering)
    return [
        ThumbnailTask(wanted, job.limits, made.state, picture, made.note)
        for wanted, picture in zip(job.wanted, made.encoded, strict=True)
    ]


def outcome_of(job: Job, answer: Answer, tasks: list[ThumbnailTask]) -> Outcome:
    """Return the outcome of a job from the results of its tasks."""
    failures = [task.result for task in tasks if isinstance(task.result, Failure)]
    if failures:
        failure = max(failures, key=lambda failure: failure.fatal)
        return Outcome(job.source, "failed", error=failure, seconds=answer.seconds)
    made = iter(tasks)
    thumbnails = (
        next(made).result if isinstance(one, WantedThumbnail) else one for one in job.thumbnails
    )
    return Outcome(
        job.source,
        "made",
        tuple(one for one in thumbnails if isinstance(one, Thumbnail)),
        seconds=answer.seconds,
        note=tasks[0].note,
    )


def _write_in_folder(folder: Folder, tasks: list[ThumbnailTask]) -> None:
    try:
        with (
            stage("write", folder.path),
            files.open_folder(folder, create=True) as opened,
        ):
            (_write_for_desktop if folder.desktop else _write)(opened, folder, tasks)
    except StageError as error:
        # A picture that failed in the worker keeps that reason, unless this error ends the run.
        write_failure = error.failure
        for task in tasks:
            failed = isinstance(task.made, Failure) and not write_failure.fatal
            task.result = task.made if failed and isinstance(task.made, Failure) else write_failure


def _write(opened: files.OpenFolder, folder: Folder, tasks: list[ThumbnailTask]) -> None:
    made = {
        task.name: task.wanted.origin for task in tasks if isinstance(task.made, EncodedThumbnail)
    }
    ledger.mark_folder(opened, shared=folder.shared, reserved=made)
    attempts = []
    for task in tasks:
        result = _replace(opened, task.name, task.made)
        task.result = result
        if isinstance(result, Thumbnail) or result.lasts:
            attempts.append(task.attempt(result))
    ledger.record_attempts(opened, attempts, shared=folder.shared)
    _remove_old_names(opened, folder, tasks)


def _write_for_desktop(
    opened: files.OpenFolder, folder: Folder, tasks: list[ThumbnailTask]
) -> None:
    for task in tasks:
        task.result = _replace(opened, task.name, task.made, freedesktop.PRIVATE_FILE)
        if isinstance(task.result, Thumbnail):
            freedesktop.forget_failure(folder, task.name)
        elif task.result.lasts:
            attempt = attempt_fingerprint(task.wanted.recipe, task.limits)
            freedesktop.record_failure(task.wanted, attempt, task.result)


def _replace(
    opened: files.OpenFolder, name: str, made: EncodedThumbnail | Failure, mode: int = 0o666
) -> Thumbnail | Failure:
    if isinstance(made, Failure):
        return made
    try:
        with stage("write", opened.path):
            files.replace(opened, name, made.data, mode)
    except StageError as error:
        return error.failure
    return Thumbnail(os.path.join(opened.path, name), made.width, made.height, len(made.data))


def _remove_old_names(opened: files.OpenFolder, folder: Folder, tasks: list[ThumbnailTask]) -> None:
    """Remove the former thumbnail of a picture that gained or lost alpha: its name differs."""
    others = {
        task.wanted.name if task.name == task.wanted.png_name else task.wanted.png_name: task
        for task in tasks
        if task.wanted.png_name and isinstance(task.result, Thumbnail)
    }
    existing = others.keys() & set(files.list_names(opened)) if others else ()
    for name in existing:
        with suppress(OSError):
            files.remove(opened, name)
            ledger.record_removals(opened, {name: others[name].wanted.origin}, shared=folder.shared)
