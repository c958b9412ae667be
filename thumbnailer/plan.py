"""Which thumbnails each source should have, under which names, and whether it has them already."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from thumbnailer import ledger, storage
from thumbnailer.desktop import PRIVATE_FOLDER, name_of, text_of
from thumbnailer.errors import ConfigError
from thumbnailer.model import (
    Failure,
    Folder,
    Job,
    Limits,
    Outcome,
    Recipe,
    Source,
    Wanted,
    attempt_fingerprint,
)
from thumbnailer.naming import filled_in, formats_of, short_size, thumbnail_name
from thumbnailer.shelf import Shelves, holds_files
from thumbnailer.stages import DAMAGED, TRUNCATED

THUMBS = "thumbs"


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
        self._looks = {recipe: recipe.fingerprint for recipe in recipes.values()}
        self._attempts = {
            recipe: attempt_fingerprint(recipe, limits) for recipe in recipes.values()
        }
        self._shelves = Shelves(len(recipes), tidy=tidy)
        self._way = lru_cache(os.path.relpath)

    def wanted(self, source: Source) -> list[Wanted] | Failure:
        """The thumbnails a source should have, or why it can't have one of them."""
        wanted: list[Wanted] = []
        for size, recipe in self._recipes.items():
            one = self._one_wanted(source, size, recipe)
            if isinstance(one, Failure):
                return one
            wanted.append(one)
        return wanted

    def _one_wanted(self, source: Source, size: str, recipe: Recipe) -> Wanted | Failure:
        if self._desktop:
            return self._one_for_the_desktop(source, size, recipe)
        shelf = self._shelves.at(_folder_of(source, size, self._output))
        source_folder, source_name = os.path.split(source.path)
        if self._output is None:
            way_back = os.path.join(os.pardir, os.pardir) if size else os.pardir
        else:
            way_back = self._way(source_folder or os.curdir, shelf.folder.path)
        origin = os.path.join(way_back, source_name)
        names: list[str] = []
        for name in _names_of(source, size, recipe, self._template):
            claimed = shelf.claim(name, origin)
            if isinstance(claimed, Failure):
                return claimed
            names.append(claimed)
        return Wanted(shelf.folder, origin, names[0], recipe, names[1] if names[1:] else "")

    def _one_for_the_desktop(self, source: Source, size: str, recipe: Recipe) -> Wanted | Failure:
        shelf = self._shelves.at(Folder(self._output or "", size, desktop=True))
        name = shelf.claim(name_of(source.path), source.path)
        if isinstance(name, Failure):
            return name
        return Wanted(shelf.folder, source.path, name, recipe, text=text_of(source))

    def standing(self, source: Source, wanted: Wanted) -> Outcome | str:
        """What an earlier run made of a source as it is now, or why that is not what is wanted."""
        recipe = wanted.recipe
        shelf = self._shelves.at(wanted.folder)
        return shelf.standing(wanted, source, self._looks[recipe], self._attempts[recipe])


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
) -> Iterator[Job | Outcome]:
    """A job for each source that needs one, an outcome for each other; lazily and in order.

    Args:
        sources: what the scan found; its outcomes are passed on.
        recipes, limits, output, template, desktop: as for `Planner`.
        force: make every thumbnail, current or not.
        retry_failed: try again what failed before, though nothing has changed.
        dry_run: touch nothing; what would become a job is skipped.
    """
    planner = Planner(
        recipes, limits, output=output, template=template, desktop=desktop, tidy=not dry_run
    )

    def suffices(standing: Outcome | str) -> bool:
        if isinstance(standing, str) or force:
            return False
        if standing.note.startswith((TRUNCATED, DAMAGED)) and not limits.keep_truncated:
            return False  # an earlier run was content with less
        return standing.status == "current" or not retry_failed

    for source in sources:
        if isinstance(source, Outcome):
            yield source
            continue
        wanted = planner.wanted(source)
        if isinstance(wanted, Failure):
            yield Outcome(source, "skipped" if wanted.stage == "scan" else "failed", error=wanted)
            continue
        standing = [planner.standing(source, one) for one in wanted]
        enough = [one for one in standing if isinstance(one, Outcome) and suffices(one)]
        if len(enough) == len(wanted):
            yield _together(source, enough)
        elif dry_run:
            yield Outcome(source, "skipped", error=Failure("dry run", "would be made"))
        else:
            thumbnails = [
                stands.thumbnails[0]
                if isinstance(stands, Outcome) and stands.thumbnails and suffices(stands)
                else one
                for one, stands in zip(wanted, standing, strict=True)
            ]
            yield Job(source, tuple(thumbnails), limits)


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
        places = {size: _folder_of(source, size, output).path for size in recipes}
        if folders != set(places.values()):  # sources come folder by folder
            folders, holders = set(places.values()), {}
        for size, recipe in recipes.items():
            for name in _names_of(source, size, recipe, template):
                path = os.path.join(places[size], name)
                holder = holders.setdefault(path, source.path)
                if holder != source.path:
                    raise ConfigError(
                        f"name = {template!r}: {holder} and {source.path} would both have the "
                        f"thumbnail {path}"
                    )


def _folder_of(source: Source, size: str, output: str | None) -> Folder:
    if output is None:
        below = os.path.join(THUMBS, size).rstrip(os.sep)
        return Folder(os.path.dirname(source.path), below)
    return Folder(output, os.path.join(size, source.below).rstrip(os.sep))


def _names_of(source: Source, size: str, recipe: Recipe, template: str) -> list[str]:
    """The name of a thumbnail, or two if its format shows only when it is made."""
    name = os.path.basename(source.path)
    if template:
        name = filled_in(template, source.path, source.below, size or short_size(recipe.box))
    return [thumbnail_name(name, format) for format in formats_of(recipe.format)]


def _together(source: Source, standing: list[Outcome]) -> Outcome:
    """How a source stands, all of whose thumbnails are current or have failed."""
    for one in standing:
        if one.status == "failed":
            return one
    thumbnails = tuple(thumbnail for one in standing for thumbnail in one.thumbnails)
    return Outcome(source, "current", thumbnails, note=standing[0].note)


def prepare_output(path: str, *, desktop: bool = False) -> None:
    """Create the folder of a mirrored tree and make it ours, so that no scan takes it for sources;
    or the desktop's cache, if that is what it is.

    Raises:
        OSError: it can't be made or written.
    """
    if desktop:
        storage.make_folder(path, PRIVATE_FOLDER)
        return
    storage.make_folder(path)
    folder = Folder(path, "")
    if ledger.read(folder) is None:
        with storage.open_folder(folder) as opened:
            ledger.mark(opened, shared=holds_files(path))
