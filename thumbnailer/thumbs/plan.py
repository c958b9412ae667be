"""Which thumbnails each source should have, under which names, and whether it has them already."""

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
    """One size of the thumbnails of one folder's pictures.

    Args:
        shelf: the folder they go to.
        recipe: what they should look like.
        fingerprint, attempt: its fingerprint, and that of an attempt at it.
        way_back: from there to the pictures' folder; None where thumbnails say themselves what they
            were made of.
        names: gives the name of a picture's thumbnail, or two if its format shows only later.
    """

    def __init__(
        self,
        folder_state: FolderState | FreedesktopFolderState,
        recipe: Recipe,
        fingerprint: str,
        attempt: str,
        way_back: str | None,
        names: Callable[[Source, str], list[str]],
    ) -> None:
        self._folder_state, self._recipe = folder_state, recipe
        self._fingerprint, self._attempt = fingerprint, attempt
        self._way_back, self._names = way_back, names

    def untouched(self, source: Source, source_name: str) -> Outcome | None:
        """The source as current where all is as it was left, which is how most are found. Whatever
        else there is to say of it takes three times as long, and this gives None."""
        names = self._names(source, source_name)
        if len(names) > 1 or self._way_back is None:
            return None
        origin = self._way_back + source_name
        return self._folder_state.untouched(names[0], origin, source, self._fingerprint)

    def wanted(self, source: Source, source_name: str) -> WantedThumbnail | Failure:
        """The thumbnail a source should have, or why it can't have it."""
        is_for_desktop = self._way_back is None
        origin = source.path if self._way_back is None else self._way_back + source_name
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
        """What an earlier run made of a source as it is now, or why that is not what is wanted."""
        return self._folder_state.state_of(wanted, source, self._fingerprint, self._attempt)


class Planner:
    """What there should be of each source, and how that stands.

    Args:
        recipes: what the thumbnails should look like, each with the name of its folder, which is
            "" for the only one.
        limits: what one picture may cost at most.
        output: the folder of the mirrored tree; None for a `thumbs` folder beside each source.
        template: what thumbnails are called; "" for as their source.
        desktop: `output` is the desktop's cache, and recipes have the names of folders in it.
        tidy: sweep folders of thumbnails when they are first looked at.
    """

    def __init__(
        self,
        recipes: Mapping[str, Recipe],
        limits: Limits,
        *,
        output: str | None = None,
        template: str = "",
        desktop: bool = False,
        tidy: bool = True,
    ) -> None:
        self._recipes, self._output, self._template = recipes, output, template
        self._desktop = desktop
        self._fingerprints = {recipe: recipe.fingerprint for recipe in recipes.values()}
        self._attempts = {
            recipe: attempt_fingerprint(recipe, limits) for recipe in recipes.values()
        }
        self._folder_states = FolderStates(len(recipes), tidy=tidy)
        self._at: tuple[str, str] | None = None
        self._places: list[SizePlan] = []

    def size_plans(self, source: Source) -> tuple[list[SizePlan], str]:
        """Where the thumbnails of a source go, in the order of the recipes; and its name.

        Sources come folder by folder: what all of a folder share is found out once.
        """
        above, _, name = source.path.rpartition(os.sep)  # a fifth of what `split` takes
        if self._at != (above, source.below) or (os.altsep and os.altsep in name):
            self._at = above, source.below
            folder, name = os.path.split(source.path)
            self._places = [
                self._size_plan(source, folder, *sized) for sized in self._recipes.items()
            ]
        return self._places, name

    def _size_plan(self, source: Source, source_folder: str, size: str, recipe: Recipe) -> SizePlan:
        way_back: str | None = None
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
            way_back = os.path.join(os.pardir, os.pardir) if size else os.pardir
            if is_url(source.path):
                way_back = source_folder
            elif self._output is not None:
                way_back = os.path.relpath(source_folder or os.curdir, folder_state.folder.path)
            way_back = os.path.join(way_back, "")
        fingerprint, attempt = self._fingerprints[recipe], self._attempts[recipe]
        return SizePlan(folder_state, recipe, fingerprint, attempt, way_back, names)


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
    tidy: bool = True,
) -> Iterator[Job | Outcome]:
    """A job for each source that needs one, an outcome for each other; lazily and in order.

    Args:
        sources: what the scan found; its outcomes are passed on.
        recipes, limits, output, template, desktop: as for `Planner`.
        force: make every thumbnail, current or not.
        retry_failed: try again what failed before, though nothing has changed.
        dry_run: touch nothing; what would become a job is skipped.
        tidy: as for `Planner`.
    """
    tidy = tidy and not dry_run
    planner = Planner(recipes, limits, output=output, template=template, desktop=desktop, tidy=tidy)

    def suffices(state: Outcome | str) -> bool:
        if isinstance(state, str) or force:
            return False
        if was_made_from_less(state, limits):
            return False
        return state.status == "current" or not retry_failed

    def considered(
        source: Source, name: str, found: list[tuple[SizePlan, Outcome | None]]
    ) -> Job | Outcome:
        """What to do about a source not all of whose thumbnails are as they were left."""
        enough, thumbnails = [], list[WantedThumbnail | Thumbnail]()
        for size_plan, untouched in found:
            if untouched:
                enough.append(untouched)
                thumbnails.append(untouched.thumbnails[0])
                continue
            wanted = size_plan.wanted(source, name)
            if isinstance(wanted, Failure):
                status: Status = "skipped" if wanted.stage == "scan" else "failed"
                return Outcome(source, status, error=wanted)
            state = size_plan.state_of(source, wanted)
            if isinstance(state, Outcome) and suffices(state):
                enough.append(state)
                thumbnails.append(state.thumbnails[0] if state.thumbnails else wanted)
            else:
                thumbnails.append(wanted)
        if len(enough) == len(found):
            return combined_outcome(source, enough)
        if dry_run:
            return Outcome(source, "skipped", error=Failure("dry run", "would be made"))
        return Job(source, tuple(thumbnails), limits)

    for source in sources:
        if isinstance(source, Outcome):
            yield source
            continue
        size_plans, name = planner.size_plans(source)
        untouched = [
            None if force else size_plan.untouched(source, name) for size_plan in size_plans
        ]
        if len(untouched) == 1 and untouched[0]:
            yield untouched[0]
        else:
            yield considered(source, name, list(zip(size_plans, untouched, strict=True)))


def was_made_from_less(state: Outcome, limits: Limits) -> bool:
    """Whether an earlier run was content with less of a picture than this one."""
    return state.note.startswith((TRUNCATED, DAMAGED)) and not limits.keep_truncated


def check_names(
    sources: Iterable[Source | Outcome],
    recipes: Mapping[str, Recipe],
    *,
    output: str | None,
    template: str,
) -> None:
    """Make sure that no two sources of a folder have thumbnails of the same name.

    The arguments are those of `plan`.

    Raises:
        ConfigError: two have; names them.
    """
    folders: set[str] | None = None
    holders: dict[str, str] = {}
    for source in sources:
        if isinstance(source, Outcome):
            continue
        source_name = os.path.basename(source.path)
        size_plans = {size: _thumbnail_folder(source, size, output).path for size in recipes}
        if folders != set(size_plans.values()):  # sources come folder by folder
            folders, holders = set(size_plans.values()), {}
        for size, recipe in recipes.items():
            for name in _names_from_template(source, source_name, size, recipe, template):
                path = os.path.join(size_plans[size], name)
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
    """The name of a thumbnail, or two if its format shows only when it is made."""
    name = source_name
    if template:
        name = fill_template(template, source.path, source.below, size or size_label(recipe.box))
    return _names_for_formats(possible_formats(recipe.format), source, name)


def _names_for_formats(formats: tuple[str, ...], _: Source, name: str) -> list[str]:
    if len(formats) == 1:  # a comprehension takes as long as the name itself
        return [thumbnail_name(name, formats[0])]
    return [thumbnail_name(name, format) for format in formats]


def _names_for_desktop(source: Source, _: str) -> list[str]:
    return [cache_name(source.path)]


def combined_outcome(source: Source, state: list[Outcome]) -> Outcome:
    """How a source stands, all of whose thumbnails are current or have failed."""
    for one in state:
        if one.status == "failed":
            return one
    thumbnails = tuple(thumbnail for one in state for thumbnail in one.thumbnails)
    return Outcome(source, "current", thumbnails, note=state[0].note)


def prepare_output(path: str, *, desktop: bool = False) -> None:
    """Create the folder of a mirrored tree and make it ours, so that no scan takes it for sources;
    or the desktop's cache, if that is what it is.

    Raises:
        OSError: it can't be made or written.
    """
    if desktop:
        files.make_folder(path, PRIVATE_FOLDER)
        return
    files.make_folder(path)
    folder = Folder(path, "")
    if ledger.read(folder) is None:
        with files.open_folder(folder) as opened:
            ledger.mark_folder(opened, shared=holds_files(path))
