"""Parse the command line. Imports no settings, to keep `--help` fast."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence

import thumbnailer
from thumbnailer.cli.help_format import ArgumentParser
from thumbnailer.cli.options import COMMANDS, add_options, seconds_above_0, takers
from thumbnailer.errors import ConfigError, closest_match, shortened
from thumbnailer.formats import in_words
from thumbnailer.watcher.observer.polling import POLL_SECONDS


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed arguments; on wrong usage print one line and exit with code 2.

    Raises:
        ConfigError: the value of `--poll` is not allowed, or `make` or `watch` has no SOURCE.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    name = next((word for word in words if not word.startswith("-")), "")
    root = build_parser(name)
    _check_command(root, words, name)
    arguments, rest = root.parse_known_args(words)
    if name == "help" and rest and not arguments.page:
        arguments.page = rest.pop(0)  # an option: thumbnailer help --settle
    unknown = next((word for word in rest if word.startswith("-")), "")
    if unknown:
        command = root.commands.get(name, root)
        switch = unknown.partition("=")[0]
        if others := takers(switch):
            command.error(f"takes no {switch}; it is an option of {in_words(others)}")
        options = re.findall(r"--(?:\[no-\])?([a-z][a-z-]*)", command.format_help())
        close = closest_match(switch.lstrip("-").removeprefix("no-"), options)
        hint = f"; did you mean --{close}?" if close else ""
        command.error(f"there is no option {unknown}{hint}")
    if not name:
        root.print_help(sys.stderr)
        root.exit(2)
    sources = getattr(arguments, "source", None) or getattr(arguments, "file", None)
    if rest and not isinstance(sources, list):
        root.commands[name].error(f"{rest[0]}: takes no such argument")
    if isinstance(sources, list):
        sources += rest  # argparse leaves SOURCEs after a later option unparsed
        if "" in sources:
            root.commands[name].error("a SOURCE is empty; . is the current folder")
        if sys.platform == "win32":  # where no shell does that
            sources[:] = [path for source in sources for path in _expanded(source)]
    if name == "watch":
        _split_poll(arguments)
    takes_list = getattr(arguments, "files_from", None) is not None
    if name in ("make", "watch") and not (arguments.source or takes_list):
        raise ConfigError(f"{name}: a SOURCE is missing")
    return arguments


def _check_command(root: ArgumentParser, words: Sequence[str], name: str) -> None:
    """Exit with a hint if there is no command of this name, or an option before it."""
    first = words[0] if words else ""
    given = [word for word in words if word in root.commands]
    if given and first.startswith("-") and first not in ("-h", "--help", "--version"):
        command = given[0] if len(given) == 1 else "COMMAND"
        root.error(f"options come after the command: `thumbnailer {command} {first} ...`")
    if not name or name in root.commands:
        return
    if os.path.lexists(name) or "://" in name:
        import shlex  # 6 ms

        meant = f"thumbnailer make {shortened(shlex.join(words))}"
        root.error(f"there is no command {shortened(name)}; did you mean `{meant}`?")
    close = closest_match(name, [*root.commands, "--version"])
    hint = f"did you mean {close}?" if close else f"there are {', '.join(root.commands)}"
    root.error(f"there is no command {shortened(name)}; {hint}")


def _expanded(source: str) -> list[str]:
    """Return the files that a SOURCE such as `*.jpg` stands for; itself if there are none."""
    if not {"*", "?"} & set(source):
        return [source]
    from glob import glob  # 5 ms

    return sorted(glob(source.replace("[", "[[]"))) or [source]


def build_parser(only: str | None = None) -> ArgumentParser:
    """Return the parser of all commands; `only` this one has its options, which saves 5 ms."""
    root = ArgumentParser(
        prog="thumbnailer",
        usage="%(prog)s COMMAND [OPTION]...",
        description="Thumbnails of many pictures: in parallel, safely, again and again.",
        epilog="examples:\n  thumbnailer make ~/Pictures\n  thumbnailer help",
    )
    commands = root.add_subparsers(
        dest="command", prog=root.prog, title="commands", parser_class=ArgumentParser
    )
    group = root.add_argument_group("options")
    version = thumbnailer.__version__
    group.add_argument("--version", action="version", version=version, help="show the version")
    add_options(group, {"-h, --help": "show this help"})
    for name, command in COMMANDS.items():
        examples = "\n".join(f"  thumbnailer {name} {example}" for example in command.examples)
        root.commands[name] = commands.add_parser(
            name,
            usage=f"%(prog)s {command.usage}".rstrip(),
            help=command.about,
            description=command.description,
            epilog=f"examples:\n{examples}",
        )
        for title, options in command.groups.items() if only in (None, name) else ():
            add_options(root.commands[name].add_argument_group(title), options)
    return root


def _split_poll(arguments: argparse.Namespace) -> None:
    """Parse `--poll`; a value that is no number is a SOURCE, and the default interval is used."""
    if isinstance(arguments.poll, str):
        try:
            arguments.poll = seconds_above_0(arguments.poll)
        except argparse.ArgumentTypeError:
            if re.match(r"[-+.]?\d", arguments.poll):
                raise ConfigError(
                    f"--poll {shortened(arguments.poll)}: must be a number of seconds above 0"
                ) from None
            arguments.source.insert(0, arguments.poll)
            arguments.poll = POLL_SECONDS
