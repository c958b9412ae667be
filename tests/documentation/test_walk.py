"""Each page is walked through: its commands are run, and print what it shows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import scenes, walk
from support.pages import PATHS, spans
from support.project import PROJECT
from support.walk import Step

# The blocks that begin so, with the pictures that they need; others need what their page has by
# then, which begins with `scenes.with_pictures`.
SCENES: dict[str, Callable[[Path], None]] = {
    "$ thumbnailer make photos": scenes.with_broken_files,
    "$ thumbnailer make uploads": scenes.with_uploads,
    "$ thumbnailer make holidya": scenes.with_a_holiday,
    "$ thumbnailer make ~/Pictures --dry-run": scenes.with_a_year,
    "$ cat new.txt": scenes.with_a_list,
    "$ thumbnailer explain photos/phone.jpg": scenes.with_a_changed_picture,
    "$ thumbnailer status photos": scenes.with_all_of_these,
    "$ thumbnailer verify photos": scenes.with_damaged_thumbnails,
    "$ thumbnailer prune photos -v": scenes.with_an_orphan,
    "$ thumbnailer prune photos --stale": scenes.with_another_format,
    "$ thumbnailer clean photos --yes": scenes.with_thumbnails_and_a_page,
    "$ thumbnailer gallery photos": scenes.with_a_gallery,
    "find ~/Pictures": scenes.with_a_repository,
}


def in_project(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def allowed(step: Step) -> bool:
    """Whether it is run here; who adds a command of another program says why it is not."""
    for words in step.ours:
        walk.check_words(words)
    if step.why_not_run:
        return False
    programs = {os.path.basename(words[0]) for words in step.parts}
    assert programs <= walk.RUN, f"`{step.command}`: run it, or say in NOT_RUN why not"
    return all(map(shutil.which, programs))


def check(step: Step, folder: Path) -> None:
    code, printed = walk.run(step.command, folder)
    told = f"$ {step.command}\n{printed}"
    if step.shown is None:
        assert code == 0, told
        # A folder without pictures shows nothing, unless a list is asked for that is empty here.
        assert "\n0 found" not in told or step.command.endswith(" -"), told
    else:
        assert walk.are_alike(step.shown, printed.splitlines()), told


@pytest.mark.parametrize("path", PATHS, ids=in_project)
def test_its_commands_do_what_it_shows(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    scenes.with_pictures(folder)
    for block in walk.blocks_of_commands(path):
        for start, scene in SCENES.items():
            if block.text.startswith(start):
                shutil.rmtree(folder)
                folder.mkdir()
                scene(folder)
        for step in filter(allowed, walk.steps(block)):
            check(step, folder)


@pytest.mark.parametrize("path", PATHS, ids=in_project)
def test_the_commands_in_its_sentences_run(path: Path, tmp_path: Path) -> None:
    scenes.with_pictures(tmp_path)
    for step in walk.commands_within(path):
        if allowed(step) and walk.is_whole(step):
            check(step, tmp_path)


@pytest.mark.parametrize("path", PATHS, ids=in_project)
def test_its_options_are_taken(path: Path) -> None:
    for words in walk.options_within(path):
        walk.check_words(words)


def test_all_that_is_not_run_is_on_a_page() -> None:
    blocks = [block for path in PATHS for block in walk.blocks_of_commands(path)]
    named = [step for block in blocks for step in walk.steps(block)]
    named += [step for path in PATHS for step in walk.commands_within(path)]
    for found in walk.NOT_RUN:
        assert any(re.search(found, step.command) for step in named), found
    options = {word for path in PATHS for text in spans(path) for word in text.split()}
    assert options >= {*walk.OPTIONS_OF_OTHERS}
    assert all(any(block.text.startswith(start) for block in blocks) for start in SCENES)
