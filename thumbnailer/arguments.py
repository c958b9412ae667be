"""What can be said on the command line, and the settings that come of it."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import thumbnailer
from thumbnailer.config import from_text, merged, read_config
from thumbnailer.console import printable
from thumbnailer.errors import ConfigError
from thumbnailer.machine import POLL_SECONDS
from thumbnailer.settings import KEYS, Settings

EXIT_USAGE = 2

_GALLERY = "write a page that shows the thumbnails, too"
_IN = "the folder it was found in, for --output"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {printable(message)} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="thumbnailer", description="Thumbnails of many pictures.")
    parser.add_argument("--version", action="version", version=thumbnailer.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    settings = _Parser(add_help=False)
    group = settings.add_argument_group("settings")
    add = group.add_argument
    add(
        "-s",
        "--size",
        action="append",
        help="the box in px: 256, 256x192, 256x or x192 (default: 256); repeatable",
    )
    add("-f", "--format", help="jpeg, png, webp, avif, gif or auto (default: jpeg)")
    add("-q", "--quality", help="1 to 100, for jpeg, webp and avif (default: 80, avif 50)")
    add("-o", "--output", metavar="DIR", help="a mirrored tree there, not a thumbs folder beside")
    add("-j", "--jobs", help="pictures at the same time (default: one a processor)")
    add("--recursive", action=argparse.BooleanOptionalAction, help="enter subfolders (default)")
    add("--include", action="append", metavar="GLOB", help="only pictures that match; repeatable")
    add("--exclude", action="append", metavar="GLOB", help="leave out what matches; repeatable")
    add("--timeout", metavar="SECONDS", help="for one attempt at a picture (default: 60)")
    add("--max-pixels", metavar="N", help="the largest picture (default: 50 MP, JPEG 250 MP)")
    add("--worker-memory", metavar="MIB", help="the most one worker may take (default: 1024)")
    add("--memory", metavar="MIB", help="for all pictures at once (default: half of what is free)")
    add("--nice", metavar="N", help="stand back for other programs, up to 19 (default: 0)")
    add("--sandbox", metavar="WHEN", help="auto (default: where it can be had), require or off")
    add("--truncated", metavar="fail|keep", help="keep: make what there is of a truncated picture")
    add("-c", "--config", metavar="FILE", help="read settings from FILE; options here go first")
    _add_looks(settings.add_argument_group("looks"))

    make = commands.add_parser(
        "make",
        parents=[settings],
        help="make what is missing or stale",
        description="Make the thumbnails that are missing or stale.",
    )
    make.add_argument("source", metavar="SOURCE", nargs="+", help="a folder or a picture")
    group = make.add_argument_group("this run")
    group.add_argument("--force", action="store_true", help="make every thumbnail anew")
    group.add_argument("--retry-failed", action="store_true", help="try again what failed before")
    group.add_argument("-n", "--dry-run", action="store_true", help="say what would be made")
    group.add_argument("--gallery", action="store_true", help=_GALLERY)
    _add_voice(group, "picture")
    watch = commands.add_parser(
        "watch",
        parents=[settings],
        help="make what is missing, then keep folders current",
        description="Make the thumbnails that are missing, then keep the folders current.",
    )
    watch.add_argument("source", metavar="SOURCE", nargs="*", help="a folder")
    group = watch.add_argument_group("watching")
    add = group.add_argument
    add(
        "--settle",
        metavar="SECONDS",
        type=_seconds,
        default=1.0,
        help="a file that nobody closed must stand still for so long (default: 1)",
    )
    add(
        "--rescan",
        metavar="SECONDS",
        type=_seconds,
        default=60.0,
        help="from one look at everything to the next (default: 60)",
    )
    add(
        "--poll",
        metavar="SECONDS",
        nargs="?",
        const=POLL_SECONDS,
        help="look at all files so often (default: 5) instead of relying on events",
    )
    add("--keep-orphans", action="store_true", help="leave thumbnails whose source is gone")
    add("--health", metavar="FILE", help="keep a small JSON file up to date")
    add("--gallery", action="store_true", help=_GALLERY)
    _add_voice(group, "picture")
    gallery = commands.add_parser(
        "gallery",
        parents=[settings],
        help="write a page that shows the thumbnails",
        description="Write a page that shows the thumbnails, made with the same settings.",
    )
    gallery.add_argument("source", metavar="SOURCE", nargs="+", help="a folder")
    _add_voice(gallery, "page with what it took")
    prune = commands.add_parser(
        "prune",
        help="remove the thumbnails of pictures that are gone",
        description="Remove the thumbnails of pictures that are gone.",
    )
    add = prune.add_argument
    add("source", metavar="SOURCE", nargs="+", help="a folder")
    add("-o", "--output", metavar="DIR", help="where the thumbnails are, as for make")
    add("-c", "--config", metavar="FILE", help="read `output` from FILE")
    add("-n", "--dry-run", action="store_true", help="say what would be removed")
    add("--yes", action="store_true", help="also if more than half of all thumbnails would go")
    _add_voice(prune, "removal")
    explain = commands.add_parser(
        "explain",
        parents=[settings],
        help="say why a picture has the thumbnails it has",
        description="Say of pictures what would be made of them, from what, and how that stands.",
    )
    explain.add_argument("file", metavar="FILE", nargs="+", help="a picture")
    explain.add_argument("--in", dest="root", metavar="SOURCE", default="", help=_IN)
    explain.add_argument("--json", action="store_true", help="one JSON object a picture")
    commands.add_parser(
        "config",
        parents=[settings],
        help="print the settings in force as a config.toml",
        description="Print the settings in force as a config.toml.",
    )
    return parser


def _add_looks(group: argparse._ActionsContainer) -> None:
    add, flag = group.add_argument, argparse.BooleanOptionalAction
    add("--fit", help="contain (default), cover (fill the box, crop), pad or fill (stretch)")
    add("--crop", help="what cover keeps: centre (default), entropy or attention")
    add("--upscale", action=flag, help="a thumbnail may be larger than its source")
    add("--background", metavar="COLOUR", help="behind transparent pictures, around padded ones")
    add("--linear", action=flag, help="resize in linear light")
    add("--sharpen", action=flag, help="sharpen a little what was much reduced")
    add("--animated", action=flag, help="keep animations, in webp and gif")
    add("--progressive", action=flag, help="jpeg that appears coarse first")
    add("--subsampling", metavar="4:2:0|4:4:4", help="of the colours of jpeg and avif")
    add("--palette", action=flag, help="png of 256 colours at most")
    add("--max-bytes", metavar="N", help="the highest quality whose file is no longer")
    add("--keep", metavar="LIST", help="of copyright,date,gps,icc (default: none)")
    add("--previews", metavar="WHEN", help="never (default), verify or trust those of cameras")
    add("--also", metavar="LIST", help="read ico,jpeg2000,ppm,psd,tga too")
    add("--name", metavar="TEMPLATE", help='such as "{stem}_{size}"')
    add("--layout", help="thumbs (default), or freedesktop: the desktop's own cache")


def _add_voice(group: argparse._ActionsContainer, each: str) -> None:
    group.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    group.add_argument("--quiet", action="store_true", help="say nothing but failures")
    group.add_argument("-v", "--verbose", action="store_true", help=f"a line for every {each}")


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; ends the program with one line where they make no sense."""
    arguments = parser().parse_args(argv)
    if arguments.command == "watch":
        _mend_poll(arguments)
    return arguments


def _mend_poll(arguments: argparse.Namespace) -> None:
    """`--poll` takes a number if there is one; what else it swallowed is a SOURCE."""
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


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Command line over the configuration file over the defaults."""
    values: dict[str, Any] = {} if arguments.config is None else read_config(arguments.config)
    for key in KEYS:
        given = getattr(arguments, key, None)
        if key == "size" and given is not None:
            values.pop("sizes", None)  # what is said here goes first
        if isinstance(given, str):
            values[key] = from_text(key, given, _option(key))
        elif isinstance(given, list):
            each = [from_text(key, text, _option(key)) for text in given]
            values[key] = each if key == "size" else tuple(glob for globs in each for glob in globs)
        elif given is not None:
            values[key] = given
    if values.get("layout") == "freedesktop" and not values.get("output"):
        cache = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(cache):  # as the XDG Base Directory Specification 0.8 has it
            cache = os.path.expanduser("~/.cache")
        values["output"] = os.path.join(cache, "thumbnails")
    return merged(None, values)


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"
