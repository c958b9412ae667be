"""Help formatting and error messages of the argument parser."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, NoReturn

from thumbnailer.cli.output.text import printable
from thumbnailer.cli.terminal import labelled

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

EXIT_OK, EXIT_COULD_NOT_RUN, EXIT_USAGE, EXIT_SOME_FAILED = 0, 1, 2, 3

# What they mean, for the manual page and the help; commands are in backticks. The signals' codes
# are 128 + SIGINT and 128 + SIGTERM.
EXIT_CODES = {
    str(EXIT_OK): "all well, or a `watch` that was told to stop",
    str(EXIT_COULD_NOT_RUN): (
        "could not run: a source is missing, no worker can be started, the disk is full or "
        "read-only; `prune` or `clean` refuses; or `health` finds no watch that is alive"
    ),
    str(EXIT_USAGE): "wrong usage or configuration",
    str(EXIT_SOME_FAILED): (
        "done, but some pictures failed, some thumbnails could not be removed, or `verify` found "
        "some that are not well"
    ),
    "130, 143": "interrupted by Ctrl-C, terminated by SIGTERM; but for `watch`",
}

# Width of the help: a terminal of the usual width. Longer lines would be harder to read.
_COLUMNS, _OPTION_COLUMNS = 79, 24


def text_width() -> int:
    """Return the width of help: that of the terminal, up to 79 columns."""
    import shutil  # 3 ms, with the ways to compress

    return min(shutil.get_terminal_size().columns, _COLUMNS)


class HelpFormatter(argparse.HelpFormatter):
    """Help with one line per option, `-s, --size SIZE` or `--[no-]upscale`, in 79 columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_OPTION_COLUMNS, width=text_width())

    def _format_action(self, action: argparse.Action) -> str:
        if action.nargs == argparse.PARSER:  # the commands, without a heading
            import textwrap

            commands = map(super()._format_action, self._iter_indented_subactions(action))
            return textwrap.indent(textwrap.dedent("".join(commands)), "  ")
        return super()._format_action(action)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Return an option with its value, or a positional argument."""
        if not action.option_strings:
            return str(action.metavar or action.dest)
        if isinstance(action, argparse.BooleanOptionalAction):
            return f"--[no-]{action.option_strings[0][2:]}"
        value = self._format_args(action, action.dest)
        return f"{', '.join(action.option_strings)} {value}".rstrip()

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        return "\n".join(
            line if line.startswith(" ") else textwrap.fill(line, width)  # examples stay as is
            for line in text.splitlines()
        )


class ArgumentParser(argparse.ArgumentParser):
    """Argument parser that prints errors in one line and refers to `--help`.

    Attributes:
        commands: the parser of each command, by its name; empty in the parsers of the commands.
    """

    def __init__(self, **options: object) -> None:
        # An abbreviation in a script would break once a new option begins with the same letters.
        super().__init__(
            add_help=False,
            allow_abbrev=False,
            formatter_class=HelpFormatter,
            **options,  # type: ignore[arg-type]
        )
        self.commands: dict[str, ArgumentParser] = {}

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help. Unlike argparse's own method, raise OSError if it can't be written."""
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        """Print an error in one line and exit with the code for wrong usage."""
        message = re.sub(r"^argument (?:-\w/)?(\S+): expected one.*", r"\1 needs a value", message)
        message = re.sub("^the following arguments are required: ", "missing: ", message)
        line = f"{printable(message)} (see {self.prog} --help)"
        line = labelled(self.prog, line, sys.stderr, kind="error")
        self.exit(EXIT_USAGE, f"{line}\n")
