"""Thumbnails in folders on disk: what there is of each, and how those that are made get there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from thumbnailer.disk import files
from thumbnailer.errors import ConfigError, OutputError
from thumbnailer.formats import possible_formats
from thumbnailer.layout import Layout
from thumbnailer.model import (
    Answer,
    Failure,
    Folder,
    Job,
    Outcome,
    Run,
    Source,
    WantedThumbnail,
)
from thumbnailer.recipe import attempt_fingerprint
from thumbnailer.thumbs.finish import finish
from thumbnailer.thumbs.folder_state import (
    FolderState,
    FolderStates,
    FreedesktopFolderState,
)
from thumbnailer.thumbs.folders import THUMBS, holds_files
from thumbnailer.thumbs.freedesktop import PRIVATE_FOLDER, cache_name, source_text
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.lines import MARK
from thumbnailer.thumbs.naming import fill_template, size_label, thumbnail_name
from thumbnailer.thumbs.plan import Slot, SourceSlots, combined_outcome, plan, refused


class FolderThumbs:
    """The thumbnails of a run, in `thumbs` folders or an output tree.

    Args:
        layout: which thumbnails there should be, and where.
        clean_up: clean up thumbnail folders when they are first used.
    """

    def __init__(self, layout: Layout, *, clean_up: bool = True) -> None:
        self._layout = layout
        self._folder_states = FolderStates(len(layout.recipes), clean_up=clean_up)
        self._run = os.urandom(4).hex()
        self._folder: tuple[str, str] | None = None
        self._sizes: list[_Size] = []
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
            raise OutputError(f"{output}: {why}{hint}") from error
        return None

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
            found: what the scan yields; its outcomes are passed on.
            quick: yield an outcome, which takes a third of the time, for a source of which nothing
                has changed: the most frequent case.
        """
        for source in found:
            if isinstance(source, Outcome):
                yield source
                continue
            sizes, name = self._sizes_of(source)
            untouched = [quick and size.outcome_if_unchanged(source, name) for size in sizes]
            current = [outcome for outcome in untouched if outcome]
            if len(current) == len(sizes):
                yield current[0] if len(sizes) == 1 else combined_outcome(source, current)
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
        try:
            yield from plan(self.look(found, quick=not run.force), self._layout.limits, run)
        finally:
            self._folder_states.renew()

    def finish(self, jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        """Write the thumbnails that workers made for some jobs, and return their outcomes."""
        return finish(jobs, answers, self._run)

    def _sizes_of(self, source: Source) -> tuple[list[_Size], str]:
        """Return the sizes of the source's folder, and the file name of the source.

        Sources come folder by folder, so this is computed once for each folder.
        """
        above, _, name = source.path.rpartition(os.sep)  # takes a fifth of the time of `split`
        if self._folder != (above, source.below) or (os.altsep and os.altsep in name):
            self._folder = above, source.below
            name = os.path.basename(source.path)
            self._sizes = [
                _Size(self._layout, size, source, self._state_of_folder(size, source))
                for size in self._layout.recipes
            ]
        return self._sizes, name

    def _state_of_folder(self, size: str, source: Source) -> FolderState | FreedesktopFolderState:
        folder = _thumbnail_folder(self._layout, size, source)
        return self._folder_states.at(replace(folder, device=self._device))


class _Size:
    """One size of the thumbnails of one folder's pictures.

    Args:
        size: the name of the size.
        source: a picture of that folder.
        state: that of the folder of the thumbnails.
    """

    def __init__(
        self,
        layout: Layout,
        size: str,
        source: Source,
        state: FolderState | FreedesktopFolderState,
    ) -> None:
        self._layout, self._size = layout, size
        self._recipe = layout.recipes[size]
        self._fingerprint = self._recipe.fingerprint
        self._attempt = attempt_fingerprint(self._recipe, layout.limits)
        self._formats = possible_formats(self._recipe.format)
        self._state = state
        # The path from the thumbnail folder to the pictures' folder, or the URL of that; None in
        # the freedesktop cache, whose thumbnails name their source themselves.
        self._origin_prefix: str | None = None
        if not layout.desktop:
            folder = os.path.dirname(source.path)
            above = os.path.join(os.pardir, os.pardir) if size else os.pardir
            if source.is_remote:
                above = folder
            elif layout.output:
                if os.pardir in folder.split(os.sep):  # behind a link, `..` is not what it says
                    folder = os.path.realpath(folder)
                above = os.path.relpath(folder or os.curdir, self._state.folder.path)
            self._origin_prefix = os.path.join(above, "")

    def outcome_if_unchanged(self, source: Source, source_name: str) -> Outcome | None:
        """Return a current outcome, and claim the name, if nothing has changed; else None."""
        if self._origin_prefix is None:
            return None
        names, origin = self._names(source, source_name), self._origin_prefix + source_name
        return self._state.outcome_if_unchanged(names, origin, source, self._fingerprint)

    def wanted(
        self, source: Source, source_name: str, *, is_claimed: bool = False
    ) -> WantedThumbnail | Failure:
        """Return the thumbnail that a source should have, or why it can't have it.

        Args:
            is_claimed: whether its name has been claimed.
        """
        is_for_desktop = self._origin_prefix is None
        origin = source.path if self._origin_prefix is None else self._origin_prefix + source_name
        names = []
        for name in self._names(source, source_name):
            claimed = name if is_claimed else self._state.claim(name, origin)
            if isinstance(claimed, Failure):
                return claimed
            names.append(claimed)
        png_name = names[1] if names[1:] else ""
        text = source_text(source) if is_for_desktop else ()
        return WantedThumbnail(self._state.folder, origin, names[0], self._recipe, png_name, text)

    def slot(self, source: Source, wanted: WantedThumbnail) -> Slot:
        """Return what there is of a thumbnail, and what is in its way."""
        earlier = self._state.state_of(wanted, source, self._fingerprint, self._attempt)
        file_at = partial(self._state.file_at, may_replace=self._layout.replace)
        length, obstacle = file_at(wanted.name)
        png_length = None
        if wanted.png_name:
            png_length, png_obstacle = file_at(wanted.png_name)
            obstacle = obstacle or png_obstacle
        if length is not None or png_length is not None:
            wanted = replace(wanted, replaces=(length, png_length))
        return Slot(wanted, earlier, obstacle)

    def _names(self, source: Source, source_name: str) -> list[str]:
        """Return the name of a thumbnail, or two if its format is known only once it is made."""
        if self._layout.desktop:
            return [cache_name(source.path)]
        if self._layout.template:
            return _names_from_template(self._layout, self._size, source)
        if len(self._formats) == 1:  # a comprehension would take as long as the name itself
            return [thumbnail_name(source_name, self._formats[0])]
        return [thumbnail_name(source_name, format) for format in self._formats]


def check_names(found: Iterable[Source | Outcome], layout: Layout) -> None:
    """Check that no two sources of a folder get thumbnails of the same name by the template.

    Raises:
        ConfigError: two do; the message names them.
    """
    folders: list[str] = []
    holders: dict[str, str] = {}
    for source in found:
        if isinstance(source, Outcome):
            continue
        paths = [_thumbnail_folder(layout, size, source).path for size in layout.recipes]
        if folders != paths:  # sources come folder by folder
            folders, holders = paths, {}
        for size, folder in zip(layout.recipes, paths, strict=True):
            for name in _names_from_template(layout, size, source):
                path = os.path.join(folder, name)
                holder = holders.setdefault(path, source.path)
                if holder != source.path:
                    raise ConfigError(
                        f"name = {layout.template!r}: {holder} and {source.path} would both have "
                        f"the thumbnail {path}"
                    )


def _thumbnail_folder(layout: Layout, size: str, source: Source) -> Folder:
    if layout.desktop:
        return Folder(layout.output, size, desktop=True)
    if layout.output:
        return Folder(layout.output, os.path.join(size, source.below).rstrip(os.sep))
    if source.is_remote:
        raise ConfigError("thumbnails of what is in a bucket need an output")
    folder = os.path.dirname(source.path)
    given = files.folder_below(source.root, folder) if source.root else Folder(folder, "")
    below = os.path.join(given.below, THUMBS, size).rstrip(os.sep)
    return Folder(given.anchor, below, given=given.below)


def _names_from_template(layout: Layout, size: str, source: Source) -> list[str]:
    recipe = layout.recipes[size]
    name = fill_template(layout.template, source.path, source.below, size or size_label(recipe.box))
    return [thumbnail_name(name, format) for format in possible_formats(recipe.format)]
