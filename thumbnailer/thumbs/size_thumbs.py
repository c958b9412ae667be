"""One size of the thumbnails of one folder's pictures: their names, and what there is of each."""

from __future__ import annotations

import os
from dataclasses import replace

from thumbnailer.disk import files
from thumbnailer.errors import ConfigError
from thumbnailer.formats import possible_formats
from thumbnailer.layout import Layout
from thumbnailer.model import Failure, Folder, Outcome, Source, WantedThumbnail
from thumbnailer.recipe import attempt_fingerprint
from thumbnailer.thumbs.folder_state import FolderState, FreedesktopFolderState
from thumbnailer.thumbs.folders import THUMBS
from thumbnailer.thumbs.freedesktop import cache_name, source_text
from thumbnailer.thumbs.moved import FormerThumbnail, former_thumbnail
from thumbnailer.thumbs.naming import fill_template, size_label, thumbnail_name
from thumbnailer.thumbs.plan import Slot


class SizeThumbs:
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
        # The format, if the names follow from it and from those of the sources alone.
        follow = len(self._formats) == 1 and not (layout.desktop or layout.template)
        self._only_format = self._formats[0] if follow else ""
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
                above = files.relative_path(folder, self._state.folder.path)
            self._origin_prefix = os.path.join(above, "")

    def outcome_if_unchanged(self, source: Source, source_name: str) -> Outcome | None:
        """Return a current outcome, and claim the name, if nothing has changed; else None."""
        if self._origin_prefix is None:
            return None
        return self._state.outcome_if_unchanged(
            self._names(source, source_name),
            self._origin_prefix + source_name,
            source,
            self._fingerprint,
        )

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
                is_unknown = self._layout.limits.may_be_no_picture(source.path)
                is_taken = claimed.stage == "plan"
                return replace(claimed, stage="scan") if is_unknown and is_taken else claimed
            names.append(claimed)
        png_name = names[1] if names[1:] else ""
        text = source_text(source) if is_for_desktop else ()
        return WantedThumbnail(self._state.folder, origin, names[0], self._recipe, png_name, text)

    def claim(self, source: Source, source_name: str) -> None:
        """Claim the names of a source whose thumbnails another shard makes."""
        if self._origin_prefix is not None:  # in the desktop's cache none asks for another's name
            for name in self._names(source, source_name):
                self._state.claim(name, self._origin_prefix + source_name)

    def slot(self, source: Source, wanted: WantedThumbnail) -> Slot:
        """Return what there is of a thumbnail, and what is in its way."""
        earlier = self._state.state_of(wanted, source, self._fingerprint, self._attempt)
        may_replace = self._layout.replace
        length, obstacle = self._state.file_at(wanted.name, may_replace=may_replace)
        png_length = None
        if wanted.png_name:
            png_length, png_obstacle = self._state.file_at(wanted.png_name, may_replace=may_replace)
            obstacle = obstacle or png_obstacle
        if length is not None or png_length is not None:
            wanted = replace(wanted, replaces=(length, png_length))
        return Slot(wanted, earlier, obstacle)

    def former(self, before: Source, source: Source) -> FormerThumbnail | None:
        """Return the thumbnail that a picture had before it was moved, if it fits it as it is.

        Args:
            before: what it was then, a picture of this folder.
            source: what it is now.
        """
        if self._origin_prefix is None:  # it names its source
            return None
        name = os.path.basename(before.path)
        names, origin = self._names(before, name), self._origin_prefix + name
        return former_thumbnail(self._state.folder, names, origin, source, self._fingerprint)

    def _names(self, source: Source, source_name: str) -> list[str]:
        """Return the name of a thumbnail, or two if its format is known only once it is made."""
        if self._only_format:  # a comprehension would take as long as the name itself
            return [thumbnail_name(source_name, self._only_format)]
        if self._layout.desktop:
            return [cache_name(source.path)]
        if self._layout.template:
            return names_from_template(self._layout, self._size, source)
        return [thumbnail_name(source_name, format) for format in self._formats]


def thumbnail_folder(layout: Layout, size: str, source: Source) -> Folder:
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


def names_from_template(layout: Layout, size: str, source: Source) -> list[str]:
    name = filled_template(layout, size, source)
    return [
        thumbnail_name(name, format) for format in possible_formats(layout.recipes[size].format)
    ]


def filled_template(layout: Layout, size: str, source: Source) -> str:
    """Return the name that a thumbnail has by the template, but for its ending."""
    label = size or size_label(layout.recipes[size].box)
    return fill_template(layout.template, source.path, source.below, label)
