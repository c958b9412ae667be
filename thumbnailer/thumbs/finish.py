"""Write what workers rendered: move thumbnails into place and record attempts in the ledger.

Only the process that started the run does this. Workers read untrusted files and write nothing.
Answers that arrive together are written together: each folder is opened once, and its attempts
are recorded with one write, for up to sixteen thumbnails.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from thumbnailer.disk import files, new_files
from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.model import (
    Answer,
    Failure,
    Folder,
    Job,
    Outcome,
    Source,
    Thumbnail,
)
from thumbnailer.recipe import attempt_fingerprint
from thumbnailer.thumbs import freedesktop
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.lines import length_line, removal_line
from thumbnailer.thumbs.naming import with_hash
from thumbnailer.thumbs.plan import in_the_way
from thumbnailer.thumbs.thumbnail_task import ThumbnailTask, outcome_of, tasks_of

# How often a folder is made again that another process, which prunes, removes while it is empty.
_MAX_TRIES = 20

# How many thumbnails are written together. Each is an open file until it has its name, and all
# workers may have come so far: on macOS, a process may have 256 files open.
_AT_ONCE = 16


def finish(jobs: list[Job], answers: list[Answer], run: str) -> list[Outcome]:
    """Write the thumbnails that workers made for some jobs, and return the jobs' outcomes.

    Args:
        jobs: in any order; thumbnails in the same folder are written together.
        answers: one for each job, in the same order.
        run: a text that tells this run, which may be a watch, from others.
    """
    tasks = [tasks_of(job, answer, run) for job, answer in zip(jobs, answers, strict=True)]
    by_folder: dict[Folder, list[ThumbnailTask]] = {}
    for task in (task for of_job in tasks for task in of_job):
        by_folder.setdefault(task.wanted.folder, []).append(task)
    for folder, folder_tasks in by_folder.items():
        for start in range(0, len(folder_tasks), _AT_ONCE):
            _write_in_folder(folder, folder_tasks[start : start + _AT_ONCE])
    return list(map(outcome_of, jobs, answers, tasks))


def _write_in_folder(folder: Folder, tasks: list[ThumbnailTask]) -> None:
    write = _write_for_desktop if folder.desktop else _write
    mirrors = _mirrored_by(folder, tasks[0].state)
    for last_try in (*[False] * _MAX_TRIES, True):
        try:
            with stage("write", folder.path):
                try:
                    with files.open_folder(folder, create=True, mirrors=mirrors) as opened:
                        write(opened, folder, tasks)
                except FileNotFoundError:
                    if last_try or not os.path.isdir(os.path.join(folder.anchor, folder.given)):
                        raise
                    continue  # another process has removed the folder, as it was empty
        except StageError as error:
            _fail(tasks, error.failure)
        return


def _mirrored_by(folder: Folder, source: Source) -> files.Mirrored:
    """Return which folders of sources a folder of an output tree mirrors."""
    depth = len(source.below.split(os.sep)) if source.below and not source.is_remote else 0
    path = os.path.dirname(source.path)
    return files.Mirrored(path, depth if folder.below.endswith(source.below) else 0)


def _fail(tasks: list[ThumbnailTask], failure: Failure) -> None:
    """Let a failure to write be the result of all tasks.

    A picture that failed in the worker keeps that reason, unless this failure ends the run."""
    for task in tasks:
        failed = isinstance(task.made, Failure) and not failure.fatal
        task.result = task.made if failed and isinstance(task.made, Failure) else failure


def _write(opened: files.OpenFolder, folder: Folder, tasks: list[ThumbnailTask]) -> None:
    """Write thumbnails to temporary files, then record them, then give them their names."""
    with new_files.NewFiles(opened) as temporaries:
        new = _write_temporaries(opened, tasks, temporaries)
        with ledger_file.locked(opened, shared=folder.shared) as locked:
            lengths = {name: files.length(opened, name) for name in new}
            _refuse_what_is_in_the_way(opened, locked, tasks, lengths)
            made = [task for task in tasks if isinstance(task.result, Thumbnail)]
            failed = [task for task in tasks if _is_to_be_recorded(task, locked)]
            # If the older thumbnail has the same length, a line written now would make it pass for
            # the new one after a kill.
            alike = [task for task in made if lengths[task.name] == task.result_bytes]
            before = [task for task in made if task not in alike] if alike else made
            locked.append(
                [length_line(t.name, t.wanted.origin, t.result_bytes) for t in alike]
                + [task.to_line() for task in (*before, *failed)]
            )
            for task in _failing(made, opened, lambda task: new[task.name].move_to(task.name)):
                older = lengths[task.name]
                correction = [removal_line(task.name)]
                if older is not None:
                    correction.append(length_line(task.name, task.wanted.origin, older))
                locked.append(correction)
            moved = [task for task in made if isinstance(task.result, Thumbnail)]
            if alike:
                locked.append(task.to_line() for task in alike if task in moved)
            _remove_old_names(opened, locked, moved)


def _failing(
    tasks: Iterable[ThumbnailTask], opened: files.OpenFolder, do: Callable[[ThumbnailTask], object]
) -> Iterator[ThumbnailTask]:
    """Do something for each of some tasks; yield those where it fails, which is their result."""
    pending = [*tasks][::-1]
    while pending:
        try:
            with stage("write", opened.path):  # 1.5 µs, once for all that go well
                while pending:
                    do(pending[-1])
                    pending.pop()
        except StageError as error:
            task = pending.pop()
            task.result = error.failure
            yield task


def _is_to_be_recorded(task: ThumbnailTask, locked: ledger_file.LockedLedger) -> bool:
    """Return whether a failure is to be recorded; count the runs if it is of a kind that counts."""
    failure = task.result
    if not isinstance(failure, Failure):
        return False
    if failure.suspect:
        task.runs = 1
        before = locked.read().get(task.name)
        if before and before.runs and before.origin == task.wanted.origin:
            states = {(one.size_bytes, one.mtime_ns) for one in (before, task.state)}
            if len(states) == 1:
                task.runs = before.runs + (before.run != task.run)
    return failure.lasts or bool(task.runs)


def _write_temporaries(
    opened: files.OpenFolder, tasks: list[ThumbnailTask], temporaries: new_files.NewFiles
) -> dict[str, new_files.NewFile]:
    """Write thumbnails to temporary files, and set the tasks' results; return them by their names.

    Raises:
        FileNotFoundError: another process has removed the folder.
    """
    new = {}

    def write(task: ThumbnailTask) -> None:
        made, source = task.made, task.state
        if isinstance(made, Failure):
            task.result = made
            return
        mode = 0o666 if source.is_remote else files.permissions(source.path)
        new[task.name] = temporaries.write(made.data, mode)
        path = os.path.join(opened.path, task.name)
        task.result = Thumbnail.written(made, path)

    for task in _failing(tasks, opened, write):
        if files.is_removed(opened):
            reason = task.result.reason if isinstance(task.result, Failure) else ""
            raise FileNotFoundError(errno.ENOENT, reason, opened.path)
    return new


def _refuse_what_is_in_the_way(
    opened: files.OpenFolder,
    locked: ledger_file.LockedLedger,
    tasks: list[ThumbnailTask],
    lengths: Mapping[str, int | None],
) -> None:
    """Let each task fail whose thumbnail would replace a file that is not thumbnailer's."""
    known = None
    for task in tasks:
        length = lengths.get(task.name)
        if not isinstance(task.result, Thumbnail) or length in (None, task.replaces):
            continue
        known = known or locked.read()  # another run may have written it meanwhile
        if not known.owns(task.name, length):
            task.result = in_the_way(task.result.path)


def _write_for_desktop(
    opened: files.OpenFolder, folder: Folder, tasks: list[ThumbnailTask]
) -> None:
    for task in tasks:
        made = task.made
        if isinstance(made, Failure):
            task.result = made
            if made.lasts:
                attempt = attempt_fingerprint(task.wanted.recipe, task.limits)
                freedesktop.record_failure(task.wanted, attempt, made)
            continue
        try:
            with stage("write", opened.path):
                new_files.replace(opened, task.name, made.data, freedesktop.PRIVATE_FILE)
        except StageError as error:
            task.result = error.failure
            continue
        path = os.path.join(opened.path, task.name)
        task.result = Thumbnail.written(made, path)
        freedesktop.forget_failure(folder, task.name)


def _remove_old_names(
    opened: files.OpenFolder, locked: ledger_file.LockedLedger, tasks: list[ThumbnailTask]
) -> None:
    """Remove the former thumbnail of a picture whose name differs.

    It does if the picture has gained or lost alpha and the format is `auto`, or if another picture
    had the plain name before.
    """
    for task in tasks:
        in_folder, origin = task.wanted.folder, task.wanted.origin
        hashed = with_hash(task.name, origin) if in_folder.hashed else ""
        for name in filter(None, (task.other_name, hashed)):
            with suppress(OSError):
                length = files.length(opened, name)
                if length is None:
                    continue
                known = locked.read()
                entry = known.get(name)
                if entry and entry.origin == origin and known.owns(name, length):
                    files.remove(opened, name)
                    locked.append([removal_line(name)])
