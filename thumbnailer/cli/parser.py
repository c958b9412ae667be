"""The argument parser: commands and their options. Imports no settings, to keep `--help` fast."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

import thumbnailer
from thumbnailer.cli.help_format import ArgumentParser, closest_match
from thumbnailer.cli.options import (
    add_appearance_options,
    add_config_and_jobs,
    add_help,
    add_limit_options,
    add_output_options,
    add_remote_options,
    add_source_options,
    add_thumbnail_options,
)
from thumbnailer.errors import ConfigError
from thumbnailer.watcher.polling import POLL_SECONDS

SHELLS = ("bash", "zsh", "fish")

_GALLERY_HELP = "also write an HTML page of the thumbnails"


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed arguments; on wrong usage print one line and exit with code 2.

    Raises:
        ConfigError: the value of `--poll` is not allowed, or `watch` has no SOURCE.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    root = build_parser()
    name = next((word for word in words if not word.startswith("-")), "")
    if name and name not in root.commands:
        close = closest_match(name, [*root.commands])
        hint = f"did you mean {close}?" if close else f"there are {', '.join(root.commands)}"
        root.error(f"there is no command {name}; {hint}")
    arguments, rest = root.parse_known_args(words)
    unknown = next((word for word in rest if word.startswith("-")), "")
    if unknown:
        command = root.commands.get(name, root)
        options = re.findall(r"--(?:\[no-\])?([a-z][a-z-]*)", command.format_help())
        close = closest_match(unknown.partition("=")[0].lstrip("-").removeprefix("no-"), options)
        hint = f"; did you mean --{close}?" if close else ""
        command.error(f"there is no option {unknown}{hint}")
    if not name:
        root.print_help(sys.stderr)
        root.exit(2)
    sources = getattr(arguments, "source", None) or getattr(arguments, "file", None)
    if rest and not sources:
        root.commands[name].error(f"{rest[0]}: takes no such argument")
    if sources:
        sources += rest  # argparse leaves SOURCEs after a later option unparsed
    if name == "watch":
        _split_poll(arguments)
    return arguments


def build_parser() -> ArgumentParser:
    """Return the parser of all commands."""
    root = ArgumentParser(
        prog="thumbnailer",
        usage="%(prog)s COMMAND [OPTION]...",
        description="Thumbnails of many pictures: in parallel, safely, again and again.",
        epilog="examples:\n  thumbnailer make ~/Pictures\n  thumbnailer make --help",
    )
    commands = root.add_subparsers(
        dest="command", prog=root.prog, title="commands", parser_class=ArgumentParser
    )
    group = root.add_argument_group("options")
    version = thumbnailer.__version__
    group.add_argument("--version", action="version", version=version, help="show the version")
    add_help(group)

    def command(name: str, usage: str, about: str, *examples: str) -> ArgumentParser:
        lines = "\n".join(f"  thumbnailer {name} {example}".rstrip() for example in examples)
        root.commands[name] = commands.add_parser(
            name,
            usage=f"%(prog)s {usage}".rstrip(),
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"examples:\n{lines}",
        )
        return root.commands[name]

    _make(
        command(
            "make",
            "[OPTION]... SOURCE...",
            "make the thumbnails that are missing or stale",
            "~/Pictures",
            "~/Pictures --size 512 --format webp --output ~/Sites/thumbs",
        )
    )
    _watch(
        command(
            "watch",
            "[OPTION]... SOURCE...",
            "make what is missing, then keep folders current",
            "~/Pictures",
            "/srv/photos --config /etc/thumbnailer.toml --settle 5",
        )
    )
    _gallery(
        command(
            "gallery",
            "[OPTION]... SOURCE...",
            "write an HTML page of the thumbnails",
            "~/Pictures",
            "~/Pictures --size 256 --size 512 --output ~/Sites/thumbs",
        )
    )
    _prune(
        command(
            "prune",
            "[OPTION]... SOURCE...",
            "remove the thumbnails of pictures that are gone",
            "~/Pictures --dry-run",
            "~/Pictures --output ~/Sites/thumbs",
        )
    )
    _explain(
        command(
            "explain",
            "[OPTION]... FILE...",
            "show how a picture is read, and the state of its thumbnails",
            "~/Pictures/a.jpg",
            "~/Pictures/a.jpg --in ~/Pictures --output ~/Sites/thumbs",
        )
    )
    _status(
        command(
            "status",
            "[OPTION]... SOURCE...",
            "count current, stale, missing and failed thumbnails",
            "~/Pictures",
            "~/Pictures --size 512 --json",
        )
    )
    _verify(
        command(
            "verify",
            "[OPTION]... SOURCE...",
            "decode all thumbnails and check that they are intact",
            "~/Pictures",
            "~/Pictures --fix --output ~/Sites/thumbs",
        )
    )
    _config(
        command(
            "config",
            "[OPTION]...",
            "print the settings in force as a config.toml",
            "> config.toml",
            "--config old.toml --size 512 > new.toml",
        )
    )
    completion = command(
        "completion",
        "bash|zsh|fish",
        "print a completion script for a shell",
        "zsh > ~/.zfunc/_thumbnailer",
        "fish > ~/.config/fish/completions/thumbnailer.fish",
    )
    group = completion.add_argument_group("arguments")
    group.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")
    add_help(group)
    manual = command("man", "", "print the manual page", "| man -l -", "> thumbnailer.1")
    add_help(manual.add_argument_group("options"))
    return root


def _make(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("thumbnails")
    add_thumbnail_options(group)
    add_remote_options(group)
    group = parser.add_argument_group("this run")
    add = group.add_argument
    add("-n", "--dry-run", action="store_true", help="write nothing; say what would be made")
    add("--force", action="store_true", help="make every thumbnail again, current or not")
    add("--retry-failed", action="store_true", help="try pictures again that failed before")
    add("--gallery", action="store_true", help=_GALLERY_HELP)
    add_config_and_jobs(group)
    add_output_options(group, "picture")
    _add_common_groups(parser)


def _watch(parser: ArgumentParser) -> None:
    add_thumbnail_options(parser.add_argument_group("thumbnails"))
    group = parser.add_argument_group("watching")
    add = group.add_argument
    add(
        "--settle",
        metavar="SECONDS",
        type=_seconds,
        default=1.0,
        help="wait until an open file is unchanged for so long [1]",
    )
    add(
        "--rescan",
        metavar="SECONDS",
        type=_seconds,
        default=60.0,
        help="time from one rescan of all folders to the next [60]",
    )
    add(
        "--poll",
        metavar="SECONDS",
        nargs="?",
        const=POLL_SECONDS,
        help="look at all files so often [5]; don't rely on events",
    )
    add("--keep-orphans", action="store_true", help="keep thumbnails whose source is gone")
    add("--health", metavar="FILE", help="write the state of the watch to FILE, as JSON")
    add("--gallery", action="store_true", help=_GALLERY_HELP)
    add_config_and_jobs(group)
    add_output_options(group, "picture")
    _add_common_groups(parser, "*", "a folder, with its subfolders")


def _gallery(parser: ArgumentParser) -> None:
    add_thumbnail_options(parser.add_argument_group("thumbnails"))
    group = parser.add_argument_group("this run")
    add_config_and_jobs(group)
    add_output_options(group, "page, with its size and time")
    _add_common_groups(parser, "+", "a folder")


def _prune(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("arguments")
    add = group.add_argument
    add("source", metavar="SOURCE", nargs="+", help="a folder")
    add("-n", "--dry-run", action="store_true", help="remove nothing; say what would be removed")
    add("-o", "--output", metavar="DIR", help="where the thumbnails are, as for make")
    add("-c", "--config", metavar="FILE", help="read `output` from FILE")
    add("--yes", action="store_true", help="remove even more than half of all thumbnails")
    add_output_options(group, "removal")


def _explain(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("arguments")
    add = group.add_argument
    add("file", metavar="FILE", nargs="+", help="a picture")
    add(
        "--in",
        dest="root",
        metavar="SOURCE",
        default="",
        help="the SOURCE that FILE is in; needed with --output",
    )
    add("--json", action="store_true", help="print one JSON object per picture")
    add_help(group)
    _add_settings_groups(parser)


def _status(parser: ArgumentParser) -> None:
    add_thumbnail_options(parser.add_argument_group("thumbnails"))
    group = parser.add_argument_group("this run")
    add = group.add_argument
    add("--json", action="store_true", help="print one JSON object")
    add("--quiet", action="store_true", help="print failures only")
    add("-v", "--verbose", action="store_true", help="print a line for every thumbnail not current")
    add_help(group)
    add_config_and_jobs(group)
    _add_common_groups(parser)


def _verify(parser: ArgumentParser) -> None:
    add_thumbnail_options(parser.add_argument_group("thumbnails"))
    group = parser.add_argument_group("this run")
    group.add_argument(
        "--fix", action="store_true", help="make wrong, stale and missing ones again"
    )
    add_config_and_jobs(group)
    add_output_options(group, "thumbnail")
    _add_common_groups(parser)


def _config(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("arguments")
    add_help(group)
    add_remote_options(group)
    _add_settings_groups(parser)


def _add_common_groups(
    parser: ArgumentParser,
    nargs: str = "+",
    source: str = "a folder, with its subfolders, or a picture",
) -> None:
    add_source_options(parser, nargs, source)
    add_appearance_options(parser.add_argument_group("looks"))
    add_limit_options(parser.add_argument_group("limits"))


def _add_settings_groups(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("thumbnails")
    add_thumbnail_options(group)
    add_config_and_jobs(group)
    _add_common_groups(parser, "")


def _split_poll(arguments: argparse.Namespace) -> None:
    """Parse `--poll`; a value that is no number is a SOURCE, and the default interval is used."""
    if isinstance(arguments.poll, str):
        try:
            arguments.poll = _seconds(arguments.poll)
        except argparse.ArgumentTypeError:
            if re.match(r"[-+.]?\d", arguments.poll):
                raise ConfigError(
                    f"--poll {arguments.poll}: must be a number of seconds above 0"
                ) from None
            arguments.source.insert(0, arguments.poll)
            arguments.poll = POLL_SECONDS
    if not arguments.source:
        raise ConfigError("watch: a SOURCE is missing")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds
