"""How the command line says what it takes, and what is wrong with what it was given."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from typing import TYPE_CHECKING, NoReturn

from thumbnailer.cli.output.text import printable

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

EXIT_OK, EXIT_COULD_NOT_RUN, EXIT_USAGE, EXIT_SOME_FAILED = 0, 1, 2, 3

# Help is laid out for a terminal of the usual width; what is wider would only be harder to read.
_COLUMNS, _OPTION_COLUMNS = 79, 24


class HelpFormatter(argparse.HelpFormatter):
    """Each option on a line of its own, `-s, --size SIZE` or `--[no-]upscale`, in 79 columns."""

    def __init__(self, prog: str) -> None:
        columns = min(shutil.get_terminal_size().columns, _COLUMNS)
        super().__init__(prog, max_help_position=_OPTION_COLUMNS, width=columns)

    def _format_action(self, action: argparse.Action) -> str:
        if action.nargs == argparse.PARSER:  # the commands, without a headline of their own
            commands = map(super()._format_action, self._iter_indented_subactions(action))
            return textwrap.indent(textwrap.dedent("".join(commands)), "  ")
        return super()._format_action(action)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        return option_usage(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(
            line if line.startswith(" ") else textwrap.fill(line, width)  # examples as they are
            for line in text.splitlines()
        )


class ArgumentParser(argparse.ArgumentParser):
    """Says in one line what is wrong, and where to look.

    Attributes:
        commands: the parser of each command by its name, if there are any.
    """

    def __init__(self, **options: object) -> None:
        # An abbreviation in somebody's script would break with the next option that begins like it.
        super().__init__(
            add_help=False,
            allow_abbrev=False,
            formatter_class=HelpFormatter,
            **options,  # type: ignore[arg-type]
        )
        self.commands: dict[str, ArgumentParser] = {}

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        # argparse's own keeps it to itself if nothing can be written.
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {printable(message)} (see {self.prog} --help)\n")


def option_usage(action: argparse.Action) -> str:
    """An option with its value, or an argument."""
    if isinstance(action, argparse.BooleanOptionalAction):
        return f"--[no-]{action.option_strings[0][2:]}"
    value = str(action.metavar or action.dest)
    if action.nargs == "?" and action.option_strings:
        value = f"[{value}]"
    if not action.option_strings:
        return value
    options = ", ".join(action.option_strings)
    return options if action.nargs == 0 else f"{options} {value}"


def closest_match(word: str, words: list[str]) -> str:
    """The one of some words that was probably meant, abbreviated or misspelt, or ""."""
    import difflib  # 1 ms, which only a mistake need wait

    longer = {one for one in words if one.startswith(word)}
    if len(longer) == 1:
        return longer.pop()
    return next(iter(difflib.get_close_matches(word, words, n=1)), "")
