"""Write the reference of the Python interface, as web pages, from its docstrings.

    python -m tests.tools.api FOLDER

It needs `pip install '.[docs]'`. The first page is `FOLDER/index.html`.
"""

from __future__ import annotations

import argparse
import inspect
import warnings
from pathlib import Path

import pdoc

import thumbnailer
from thumbnailer.config.overrides import Looks, Overrides
from thumbnailer.config.settings import KEYS, Settings

# A negative pattern: the other modules are internal.
_MODULES = ["thumbnailer", "!thumbnailer[.]", "thumbnailer.errors", "thumbnailer.config.overrides"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.api")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name in thumbnailer.__all__:  # pdoc does not ask for names that are looked up when used
        setattr(thumbnailer, name, getattr(thumbnailer, name))
    for keywords in (Settings, Looks, Overrides):
        keywords.__doc__ = f"{inspect.getdoc(keywords)}\n\n{_attributes(keywords)}"
    warnings.filterwarnings("ignore", "Cannot determine where")  # keys that a TypedDict inherits
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(*_MODULES, output_directory=folder)


def _attributes(keywords: type) -> str:
    """What each setting is for, as `thumbnailer config` has it."""
    about = {name: KEYS[name].metadata["about"].rstrip(":") for name in keywords.__annotations__}
    return "\n".join(["Attributes:", *(f"    {name}: {text}" for name, text in about.items())])


if __name__ == "__main__":
    main()
