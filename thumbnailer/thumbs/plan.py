"""Plan the thumbnails of each source: their names, and which must be made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from thumbnailer.errors import ConfigError
from thumbnailer.formats import possible_formats
from thumbnailer.imaging.failures import DAMAGED, TRUNCATED
from thumbnailer.model import (
    Failure,
    Folder,
    Job,
    Outcome,
    Source,
    Status,
    Thumbnail,
    WantedThumbnail,
)
from thumbnailer.recipe import Limits, Recipe, attempt_fingerprint
from thumbnailer.thumbs import files, ledger
from thumbnailer.thumbs.folder_state import (
    FolderState,
    FolderStates,
    FreedesktopFolderState,
    holds_files,
)
from thumbnailer.thumbs.freedesktop import PRIVATE_FOLDER, cache_name, source_text
from thumbnailer.thumbs.naming import fill_template, size_label, thumbnail_name
from thumbnailer.urls import is_url

THUMBS = "thumbs"


class SizePlan:
    """Plan for one size of the thumbnails of one folder's pictures.

    Args:
        folder_state: state of the folder that the thumbnails go to.
        recipe: what they should look like.
        fingerprint, attempt: fingerprints of the recipe, and of an attempt at it.
        origin_prefix: path from the thumbnail folder to the pictures' folder, or the URL of that;
            None in the freedesktop cache, whose thumbnails name their source themselves.
        names: returns a thumbnail's name, or two if its format is known only once it is made.
    """

    def __init__(
        self,
        folder_state: FolderState | FreedesktopFolderState,
        recipe: Recipe,
        fingerprint: str,
        attempt: str,
        origin_prefix: str | None,
        names: Callable[[Source, str], list[str]],
    ) -> None:
        self._folder_state, self._recipe = folder_state, recipe
        self._fingerprint, self._attempt = fingerprint, attempt
        self._origin_prefix, self._names = origin_prefix, names

    def outcome_if_unchanged(self, source: Source, source_name: str) -> Outcome | None:
        """Return a current outcome if nothing has changed, the most frequent case; else None.

        The full check takes three times as long."""
        names = self._names(source, source_name)
        if len(names) > 1 or self._origin_prefix is None:
            return None
        origin = self._origin_prefix + source_name
        return self._folder_state.outcome_if_unchanged(names[0], origin, source, self._fingerprint)

    def wanted(self, source: Source, source_name: str) -> WantedThumbnail | Failure:
        """Return the thumbnail that a source should have, or why it can't have it."""
        is_for_desktop = self._origin_prefix is None
        origin = source.path if self._origin_prefix is None else self._origin_prefix + source_name
        names = []
        for name in self._names(source, source_name):
            claimed = self._folder_state.claim(name, origin)
            if isinstance(claimed, Failure):
                return claimed
            names.append(claimed)
        png_name = names[1] if names[1:] else ""
        text = source_text(source) if is_for_desktop else ()
        folder = self._folder_state.folder
        return WantedThumbnail(folder, origin, names[0], self._recipe, png_name, text)

    def state_of(self, source: Source, wanted: WantedThumbnail) -> Outcome | str:
        """Return an earlier run's outcome if it still applies, else in words why it does not."""
        return self._folder_state.state_of(wanted, source, self._fingerprint, self._attempt)


class Planner:
    """Planner of the thumbnails of each source, in all sizes.

    Args:
        recipes: what the thumbnails should look like, by the name of their size folder, which is ""
            if there is only one.
        limits: what one picture may cost at most.
        output: the root folder of the output tree; None for a `thumbs` folder beside each source.
        template: template of the thumbnails' names; "" to name them like their source.
        desktop: whether `output` is the freedesktop cache, which has its own size folders.
        clean_up: clean up thumbnail folders when they are first used.
    """

    def __init__(
        self,
        recipes: Mapping[str, Recipe],
        limits: Limits,
        *,
        output: str | None = None,
        template: str = "",
        desktop: bool = False,
        clean_up: bool = True,
    ) -> None:
        self._recipes, self._output, self._template = recipes, output, template
        self._desktop = desktop
        self._fingerprints = {recipe: recipe.fingerprint for recipe in recipes.values()}
        self._attempt_fingerprints = {
            recipe: attempt_fingerprint(recipe, limits) for recipe in recipes.values()
        }
        self._folder_states = FolderStates(len(recipes), clean_up=clean_up)
        self._planned_folder: tuple[str, str] | None = None
        self._size_plans: list[SizePlan] = []

    def size_plans(self, source: Source) -> tuple[list[SizePlan], str]:
        """Return the plans for a source, in the order of the recipes, and its file name.

        Sources come folder by folder, so plans are computed once for each folder.
        """
        above, _, name = source.path.rpartition(os.sep)  # takes a fifth of the time of `split`
        if self._planned_folder != (above, source.below) or (os.altsep and os.altsep in name):
            self._planned_folder = above, source.below
            folder, name = os.path.split(source.path)
            self._size_plans = [
                self._size_plan(source, folder, *sized) for sized in self._recipes.items()
            ]
        return self._size_plans, name

    def _size_plan(self, source: Source, source_folder: str, size: str, recipe: Recipe) -> SizePlan:
        origin_prefix: str | None = None
        if self._desktop:
            folder = Folder(self._output or "", size, desktop=True)
        else:
            folder = _thumbnail_folder(source, size, self._output)
        folder_state = self._folder_states.at(folder)
        if self._desktop:
            names: Callable[[Source, str], list[str]] = _names_for_desktop
        else:
            names = partial(_names_for_formats, possible_formats(recipe.format))
            if self._template:
                names = partial(
                    _names_from_template, size=size, recipe=recipe, template=self._template
                )
            origin_prefix = os.path.join(os.pardir, os.pardir) if size else os.pardir
            if is_url(source.path):
                origin_prefix = source_folder
            elif self._output is not None:
                origin_prefix = os.path.relpath(
                    source_folder or os.curdir, folder_state.folder.path
                )
            origin_prefix = os.path.join(origin_prefix, "")
        fingerprint, attempt = self._fingerprints[recipe], self._attempt_fingerprints[recipe]
        return SizePlan(folder_state, recipe, fingerprint, attempt, origin_prefix, names)


def plan(
    sources: Iterable[Source | Outcome],
    recipes: Mapping[str, Recipe],
    limits: Limits,
    *,
    output: str | None = None,
    template: str = "",
    desktop: bool = False,
    force: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    clean_up: bool = True,
) -> Iterator[Job | Outcome]:
    """Yield a job for each source that needs one, an outcome for each other; lazily, in order.

    Args:
        sources: what the scan found; its outcomes are passed on.
        recipes, limits, output, template, desktop: as for `Planner`.
        force: make every thumbnail, current or not.
        retry_failed: retry sources that failed before, even if nothing has changed.
        dry_run: write nothing; a source that would become a job is skipped.
        clean_up: as for `Planner`.
    """
    clean_up = clean_up and not dry_run
    planner = Planner(
        recipes, limits, output=output, template=template, desktop=desktop, clean_up=clean_up
    )

    def suffices(state: Outcome | str) -> bool:
        if isinstance(state, str) or force:
            return False
        if is_from_damaged_source(state, limits):
            return False
        return state.status == "current" or not retry_failed

    def job_or_outcome(
        source: Source, name: str, found: list[tuple[SizePlan, Outcome | None]]
    ) -> Job | Outcome:
        """Return a job or an outcome for a source that the quick check did not settle."""
        sufficient, thumbnails = [], list[WantedThumbnail | Thumbnail]()
        for size_plan, untouched in found:
            if untouched:
                sufficient.append(untouched)
                thumbnails.append(untouched.thumbnails[0])
                continue
            wanted = size_plan.wanted(source, name)
            if isinstance(wanted, Failure):
                status: Status = "skipped" if wanted.stage == "scan" else "failed"
                return Outcome(source, status, error=wanted)
            state = size_plan.state_of(source, wanted)
            if isinstance(state, Outcome) and suffices(state):
                sufficient.append(state)
                thumbnails.append(state.thumbnails[0] if state.thumbnails else wanted)
            else:
                thumbnails.append(wanted)
        if len(sufficient) == len(found):
            return combined_outcome(source, sufficient)
        if dry_run:
            return Outcome(source, "skipped", error=Failure("dry run", "would be made"))
        return Job(source, tuple(thumbnails), limits)

    for source in sources:
        if isinstance(source, Outcome):
            yield source
            continue
        size_plans, name = planner.size_plans(source)
        untouched = [
            None if force else size_plan.outcome_if_unchanged(source, name)
            for size_plan in size_plans
        ]
        if len(untouched) == 1 and untouched[0]:
            yield untouched[0]
        else:
            yield job_or_outcome(source, name, list(zip(size_plans, untouched, strict=True)))


def is_from_damaged_source(state: Outcome, limits: Limits) -> bool:
    """Return whether an outcome is of a damaged picture, which this run does not accept."""
    return state.note.startswith((TRUNCATED, DAMAGED)) and not limits.keep_truncated


def check_names(
    sources: Iterable[Source | Outcome],
    recipes: Mapping[str, Recipe],
    *,
    output: str | None,
    template: str,
) -> None:
    """Check that no two sources of a folder get thumbnails of the same name.

    The arguments are those of `plan`.

    Raises:
        ConfigError: two do; the message names them.
    """
    folders: set[str] | None = None
    holders: dict[str, str] = {}
    for source in sources:
        if isinstance(source, Outcome):
            continue
        source_name = os.path.basename(source.path)
        paths = {size: _thumbnail_folder(source, size, output).path for size in recipes}
        if folders != set(paths.values()):  # sources come folder by folder
            folders, holders = set(paths.values()), {}
        for size, recipe in recipes.items():
            for name in _names_from_template(source, source_name, size, recipe, template):
                path = os.path.join(paths[size], name)
                holder = holders.setdefault(path, source.path)
                if holder != source.path:
                    raise ConfigError(
                        f"name = {template!r}: {holder} and {source.path} would both have the "
                        f"thumbnail {path}"
                    )


def _thumbnail_folder(source: Source, size: str, output: str | None) -> Folder:
    if output is None:
        if is_url(source.path):
            raise ConfigError("thumbnails of what is in a bucket need an output")
        below = os.path.join(THUMBS, size).rstrip(os.sep)
        return Folder(os.path.dirname(source.path), below)
    return Folder(output, os.path.join(size, source.below).rstrip(os.sep))


def _names_from_template(
    source: Source, source_name: str, size: str, recipe: Recipe, template: str
) -> list[str]:
    """Return the name of a thumbnail, or two if its format is known only once it is made."""
    name = source_name
    if template:
        name = fill_template(template, source.path, source.below, size or size_label(recipe.box))
    return _names_for_formats(possible_formats(recipe.format), source, name)


def _names_for_formats(formats: tuple[str, ...], _: Source, name: str) -> list[str]:
    if len(formats) == 1:  # a comprehension would take as long as the name itself
        return [thumbnail_name(name, formats[0])]
    return [thumbnail_name(name, format) for format in formats]


def _names_for_desktop(source: Source, _: str) -> list[str]:
    return [cache_name(source.path)]


def combined_outcome(source: Source, state: list[Outcome]) -> Outcome:
    """Return one outcome for a source whose thumbnails are all current or failed."""
    for one in state:
        if one.status == "failed":
            return one
    thumbnails = tuple(thumbnail for one in state for thumbnail in one.thumbnails)
    return Outcome(source, "current", thumbnails, note=state[0].note)


def prepare_output(path: str, *, desktop: bool = False) -> None:
    """Create the freedesktop cache, or an output tree, marked so that no scan reads it as sources.

    Raises:
        OSError: it can't be created or written.
    """
    if desktop:
        files.make_folder(path, PRIVATE_FOLDER)
        return
    files.make_folder(path)
    folder = Folder(path, "")
    if ledger.read(folder) is None:
        with files.open_folder(folder) as opened:
            ledger.mark_folder(opened, shared=holds_files(path))
