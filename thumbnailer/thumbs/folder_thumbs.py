"""Thumbnails in folders on disk: what there is of each, and how those that are made get there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from thumbnailer.disk import files
from thumbnailer.errors import ConfigError, OutputError, shortened
from thumbnailer.layout import Layout
from thumbnailer.model import (
    Answer,
    Failure,
    Folder,
    FormerSources,
    Job,
    Outcome,
    Rendering,
    Run,
    Source,
    WantedThumbnail,
)
from thumbnailer.thumbs.finish import finish
from thumbnailer.thumbs.folder_state import (
    FolderState,
    FolderStates,
    FreedesktopFolderState,
)
from thumbnailer.thumbs.folders import holds_files
from thumbnailer.thumbs.freedesktop import PRIVATE_FOLDER
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.lines import MARK
from thumbnailer.thumbs.moved import FormerThumbnail
from thumbnailer.thumbs.plan import Slot, SourceSlots, combined_outcome, plan, refused
from thumbnailer.thumbs.size_thumbs import SizeThumbs, names_from_template, thumbnail_folder

_SEP, _OTHER_SEP = os.sep, os.altsep


class FolderThumbs:
    """The thumbnails of a run, in `thumbs` folders or an output tree.

    Args:
        layout: which thumbnails there should be, and where.
        clean_up: clean up thumbnail folders when they are first used.
    """

    def __init__(self, layout: Layout, *, clean_up: bool = True) -> None:
        self._layout, self._clean_up = layout, clean_up
        self._folder_states = FolderStates(len(layout.recipes), clean_up=clean_up)
        self._run = os.urandom(4).hex()
        self._folder: tuple[str, str] | None = None
        self._sizes: list[SizeThumbs] = []
        self._device: int | None = None  # that of the output tree, once it is prepared

    def prepare(self, earlier: tuple[int, int] | None = None) -> tuple[int, int] | None:
        """Create the freedesktop cache, or an output tree, marked so that no scan reads it.

        What is written later is written on the same file system, even if another folder is in the
        place of the tree by then.

        Args:
            earlier: what an earlier run on the same tree has returned: then it is not created.

        Returns:
            The device and inode of the tree; None if there is none.

        Raises:
            OutputError: it can't be created or written, or is not that of the earlier run.
        """
        output = self._layout.output
        try:
            if self._layout.desktop:
                files.make_folder(output, PRIVATE_FOLDER)
            elif output:
                if earlier is None:
                    files.make_folder(output)
                return self._mark(Folder(output, ""), earlier)
        except OSError as error:
            why = "is no folder" if isinstance(error, FileExistsError) else error.strerror
            hint = "; choose another output folder" if earlier is None else ""
            raise OutputError(f"{shortened(output)}: {why}{hint}") from error
        return None

    def anew(self) -> FolderThumbs:
        """Return the same thumbnails, to be looked at anew; an output tree remains prepared."""
        anew = FolderThumbs(self._layout, clean_up=self._clean_up)
        anew._device = self._device
        return anew

    def _mark(self, tree: Folder, earlier: tuple[int, int] | None) -> tuple[int, int]:
        with files.open_folder(tree) as opened:
            identity, is_marked = files.identity_of(opened), True
            try:
                files.read(opened, MARK, 1)
            except FileNotFoundError:
                is_marked = False
            if earlier and (identity[0] != earlier[0] or not (is_marked or identity == earlier)):
                raise OSError(errno.ENODEV, files.NOT_MOUNTED)
            if not is_marked:
                ledger_file.mark_folder(opened, shared=holds_files(tree.path))
        self._device = identity[0]
        return identity

    def look(
        self, found: Iterable[Source | Outcome], *, quick: bool = True
    ) -> Iterator[SourceSlots | Outcome]:
        """Yield what there is of each source's thumbnails, or why it can have none.

        Args:
            found: what the scan yields; its outcomes are passed on, and what is `elsewhere` only
                claims its names.
            quick: yield an outcome, which takes a third of the time, for a source of which nothing
                has changed: the most frequent case.
        """
        for source in found:
            if isinstance(source, Outcome):
                yield source
                continue
            sizes, name = self._sizes_of(source)
            if source.elsewhere:
                for size in sizes:
                    size.claim(source, name)
                continue
            if quick and len(sizes) == 1:  # nearly always
                if only := sizes[0].outcome_if_unchanged(source, name):
                    yield only
                    continue
                untouched: list[Outcome | None] = [None]
            else:
                untouched = [
                    size.outcome_if_unchanged(source, name) if quick else None for size in sizes
                ]
                current = [outcome for outcome in untouched if outcome]
                if len(current) == len(sizes):
                    yield combined_outcome(source, current)
                    continue
            slots = []
            for size, outcome in zip(sizes, untouched, strict=True):
                wanted = size.wanted(source, name, is_claimed=bool(outcome))
                if isinstance(wanted, Failure):
                    yield refused(source, wanted)
                    break
                slots.append(Slot(wanted, outcome) if outcome else size.slot(source, wanted))
            else:
                yield SourceSlots(source, slots)

    def plan(self, found: Iterable[Source | Outcome], run: Run) -> Iterator[Job | Outcome]:
        """Yield a job for each source that needs one, an outcome for each other."""
        self._folder_states.counts_left_over = run.is_whole
        former = None if run.force or self._layout.desktop else run.former
        keep = partial(self._keep, former=former) if former else None
        try:
            yield from plan(self.look(found, quick=not run.force), self._layout.limits, run, keep)
        finally:
            self._folder_states.renew()

    def left_over(self) -> dict[str, int]:
        """Return how many thumbnails nobody has asked for, in the folders that were looked at."""
        return self._folder_states.left_over()

    def finish(self, jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        """Write the thumbnails that workers made for some jobs, and return their outcomes."""
        return finish(jobs, answers, self._run)

    def _keep(self, job: Job, former: FormerSources) -> Outcome | None:
        """Give a picture that was moved the thumbnails that it had before; None if it had none."""
        sizes = [
            size
            for size, one in zip(self._layout.recipes, job.thumbnails, strict=True)
            if isinstance(one, WantedThumbnail)
        ]
        for before in former.of(job.source):
            kept = [self._former(size, before, job.source) for size in sizes]
            thumbnails = [one for one in kept if one]
            if len(thumbnails) == len(sizes):
                outcome = self._write_kept(job, thumbnails)
                if outcome.status == "made":
                    former.note_moved(before, ((t.folder, t.name, t.origin) for t in thumbnails))
                return outcome
        return None

    def _former(self, size: str, before: Source, source: Source) -> FormerThumbnail | None:
        state = self._state_of_folder(size, before)
        return SizeThumbs(self._layout, size, before, state).former(before, source)

    def _write_kept(self, job: Job, thumbnails: list[FormerThumbnail]) -> Outcome:
        contents = tuple(one.content for one in thumbnails)
        rendering = Rendering(job.source, contents, digest=thumbnails[0].digest)
        return self.finish([job], [Answer(rendering, seconds=0.0)])[0]

    def _sizes_of(self, source: Source) -> tuple[list[SizeThumbs], str]:
        """Return the sizes of the source's folder, and the file name of the source.

        Sources come folder by folder, so this is computed once for each folder.
        """
        above, _, name = source.path.rpartition(_SEP)  # takes a fifth of the time of `split`
        if self._folder != (above, source.below) or (_OTHER_SEP and _OTHER_SEP in name):
            self._folder = above, source.below
            name = os.path.basename(source.path)
            self._sizes = [
                SizeThumbs(self._layout, size, source, self._state_of_folder(size, source))
                for size in self._layout.recipes
            ]
        return self._sizes, name

    def _state_of_folder(self, size: str, source: Source) -> FolderState | FreedesktopFolderState:
        folder = thumbnail_folder(self._layout, size, source)
        return self._folder_states.at(replace(folder, device=self._device))


def check_names(found: Iterable[Source | Outcome], layout: Layout) -> None:
    """Check that no two sources of a folder get thumbnails of the same name by the template.

    Raises:
        ConfigError: two do; the message names them.
    """
    holders: dict[str, dict[str, str]] = {}  # of the paths of thumbnails, by folder
    for source in found:
        if isinstance(source, Outcome):
            continue
        paths = [thumbnail_folder(layout, size, source).path for size in layout.recipes]
        if paths[0] not in holders:  # sources come folder by folder, in buckets subfolders between
            above = (one for one in holders if paths[0].startswith(one))
            holders = {one: holders[one] for one in above} | {paths[0]: {}}
        for size, folder in zip(layout.recipes, paths, strict=True):
            for name in names_from_template(layout, size, source):
                path = os.path.join(folder, name)
                holder = holders[paths[0]].setdefault(path, source.path)
                if holder != source.path:
                    raise ConfigError(
                        f"name = {shortened(layout.template)!r}: {shortened(holder)} and "
                        f"{shortened(source.path)} would both have the thumbnail {shortened(path)}"
                    )
