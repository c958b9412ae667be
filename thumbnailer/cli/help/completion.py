"""Shell completion scripts for the command line: the only user of shtab.

The scripts are static: completing a word does not start the program.
"""

from __future__ import annotations

from thumbnailer.cli.help.pages import PAGES
from thumbnailer.cli.parser import build_parser
from thumbnailer.config.settings import CHECKS
from thumbnailer.errors import ThumbnailError, install_hint


def completion(shell: str) -> str:
    """Return the completion script for a shell.

    Raises:
        ThumbnailError: the extra `completion` is not installed.
    """
    try:
        import shtab
    except ImportError:
        how = install_hint("completion")
        raise ThumbnailError(f"completion comes with an extra; install it with {how}") from None
    root = build_parser()
    for command in root.commands.values():
        for action in command._actions:
            if action.metavar in ("SOURCE", "FILE"):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.metavar == "DIR":
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            elif action.metavar == "PAGE":
                action.choices = PAGES
            elif action.dest in CHECKS:
                action.choices = CHECKS[action.dest].words or None
    return shtab.complete(root, shell)
