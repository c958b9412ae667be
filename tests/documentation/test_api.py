"""The reference of the Python interface, written by the command of the help page."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from html import unescape
from pathlib import Path

import pytest
from support.pages import block
from support.project import PROJECT

import thumbnailer
from thumbnailer import Settings, ThumbnailError, errors
from thumbnailer.config.settings import KEYS

PUBLIC = {name: getattr(thumbnailer, name) for name in thumbnailer.__all__}
FUNCTIONS = [name for name, found in PUBLIC.items() if inspect.isfunction(found)]
ERRORS = {
    name: found
    for name, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, ThumbnailError)
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder it is in."""
    pytest.importorskip("pdoc", reason="needs the extra `docs`")
    home = tmp_path_factory.mktemp("home")
    _, _, command = block("pip install '.[docs]'").text.strip().partition(" && ")
    python, *words, folder = shlex.split(command)
    assert python == "python"
    folder = folder.replace("~", str(home))
    # A name that can't be looked up is but a warning.
    words = [sys.executable, "-W", "error", *words, folder]
    subprocess.run(words, cwd=PROJECT, check=True, timeout=60, env=os.environ | {"HOME": str(home)})
    return Path(folder)


def sections(page: Path) -> Mapping[str, str]:
    """What a page says of each name, as text: names of arguments end with a colon."""
    _, *parts = re.split(r'<(?:section|div) id="([\w.]+)"[^>]*>', page.read_text())
    texts = (" ".join(unescape(re.sub(r"<[^>]*>", "", part)).split()) for part in parts[1::2])
    return dict(zip(parts[::2], texts, strict=True))


def test_every_public_name_has_a_docstring() -> None:
    for name, found in {**PUBLIC, **ERRORS}.items():
        # Dataclasses without one get their signature.
        assert found.__doc__, name
        assert not found.__doc__.startswith(f"{name}("), name


def test_help_begins_with_a_line_for_every_public_name() -> None:
    lines = [line for line in str(thumbnailer.__doc__).splitlines() if line.startswith("- ")]
    told = [name for line in lines for name in re.findall(r"`(\w+)`", line.partition(":")[0])]
    assert sorted(told) == sorted(PUBLIC)
    assert {name: PUBLIC.get(name) for name in ERRORS} == ERRORS


def test_every_public_name_is_there_with_its_docstring(reference: Path) -> None:
    shown = sections(reference / "thumbnailer.html")
    for name, found in PUBLIC.items():
        first_words = str(inspect.getdoc(found)).partition("`")[0].partition(".")[0]
        assert " ".join(first_words.split()) in shown[name], name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_told_of(reference: Path, name: str) -> None:
    signature, arguments, text = sections(reference / "thumbnailer.html")[name].partition(
        "Arguments:"
    )
    parameters = inspect.signature(PUBLIC[name]).parameters
    assert bool(arguments) == bool(parameters)
    for parameter in parameters:
        assert f"{parameter}:" in signature
        assert re.search(rf"\b{parameter}(, \w+)*:", text), parameter
    assert ("Raises:" in text) == bool(parameters)


def test_fields_have_their_types(reference: Path) -> None:
    shown = sections(reference / "thumbnailer.html")
    classes = {name: found for name, found in PUBLIC.items() if dataclasses.is_dataclass(found)}
    assert {"Outcome", "Report", "Settings", "StatusReport"} <= set(classes)
    for name, found in classes.items():
        for field in dataclasses.fields(found):
            if not field.name.startswith("_"):
                assert shown[f"{name}.{field.name}"].startswith(f"{field.name}: ")


def test_settings_are_explained_also_as_keyword_arguments(reference: Path) -> None:
    names = sections(reference / "thumbnailer.html")
    keywords = sections(reference / "thumbnailer" / "config" / "overrides.html")
    for text in (names["Settings"], keywords["Overrides"]):
        for field in dataclasses.fields(Settings):
            assert f"{field.name}: {KEYS[field.name].metadata['about'].rstrip(':')}" in text
    page = (reference / "thumbnailer.html").read_text()
    links = re.findall(r'href="thumbnailer/config/overrides.html#(Overrides|Looks)"', page)
    assert len(links) >= len(FUNCTIONS) - 1  # all but `freeze_support`


def test_every_exception_is_there(reference: Path) -> None:
    shown = sections(reference / "thumbnailer" / "errors.html")
    assert len(ERRORS) > 7
    for name, found in ERRORS.items():
        assert str(inspect.getdoc(found)).partition(";")[0].partition("\n")[0] in shown[name]
