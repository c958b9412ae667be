"""The commands with their options and help, in the groups and the order that `--help` shows.

Options are keys and their help is the value; each is written as `--help` shows it.
"""

from __future__ import annotations

import argparse
import re
from typing import Any

from thumbnailer.formats import ON_REQUEST, WRITTEN, default_qualities, in_words, written_with
from thumbnailer.watcher.observer.polling import POLL_SECONDS

_THUMBNAILS = {
    "-s, --size SIZE": "256, 256x192, 256x, x192, 50%, 1.5mp [256]; repeatable",
    "-f, --format FORMAT": f"{in_words((*WRITTEN, 'auto'), 'or')} [jpeg]",
    "-q, --quality N": f"1 to 100, for {written_with('quality')} [{default_qualities()}]",
    "-o, --output DIR": "mirror the folders into DIR or s3://bucket/folder",
    "--fit FIT": "contain, cover (crop), pad or fill (stretch) [contain]",
}

_ENDPOINT = {"--endpoint URL": "an S3 server that is not Amazon's, such as MinIO"}

_HEADER = {"--header NAME=VALUE": "store this with each thumbnail in a bucket; repeatable"}

_REMOTE = {
    **_ENDPOINT,
    "--verify-etag": "check in buckets what each thumbnail was made of (slow)",
    **_HEADER,
    "--cluster ADDRESS": "run on a Ray cluster: auto, or its head's HOST:PORT",
}

_REPLACE = {"--replace": "replace files in the way that thumbnailer did not make"}

_CONFIG = {"-c, --config FILE": "read settings from FILE; options override them"}

_CONFIG_AND_JOBS = {**_CONFIG, "-j, --jobs N": "pictures at the same time [one per processor]"}

_HELP = {"-h, --help": "show this help"}

_PICTURES = {
    "--include GLOB": "take only pictures that match; repeatable",
    "--exclude GLOB": "leave out pictures and folders that match; repeatable",
    "--[no-]recursive": "include subfolders, or don't [yes]",
    "--[no-]by-content": "also take files without an ending that are pictures",
    "--also LIST": f"also read any of {','.join(ON_REQUEST)}",
}

_SHARD = {"--shard K/N": "take part K of N only; other machines take the others"}

_LOOKS_AND_LIMITS = {
    "--crop CROP": "for cover: centre, entropy, attention, 0.3,0.6 [centre]",
    "--[no-]upscale": "let thumbnails be larger than their source",
    "--background COLOUR": "colour behind transparency and around pad [white]",
    "--[no-]linear": "resize in linear light",
    "--[no-]sharpen": "sharpen slightly after a strong reduction",
    "--[no-]animated": f"keep animations, in {written_with('animated')}",
    "--[no-]progressive": (
        f"progressive {written_with('progressive')}: loads coarse first, then sharp"
    ),
    "--subsampling MODE": f"4:2:0 or 4:4:4, for {written_with('subsampling')} [4:2:0]",
    "--[no-]palette": f"{written_with('palette')} with at most 256 colours",
    "--max-bytes N": "lower the quality until a file has at most N bytes",
    "--keep LIST": "metadata to keep: copyright,date,gps,icc [none]",
    "--previews WHEN": "use cameras' previews: verify, trust or never [never]",
    "--name TEMPLATE": "file names, such as '{stem}_{size}' [as the source]",
    "--layout LAYOUT": "thumbs, or freedesktop: the desktop's cache [thumbs]",
    "--timeout SECONDS": "time limit for one attempt at a picture [60]",
    "--max-pixels N": "largest picture, in px [250 million]",
    "--worker-memory MIB": "memory limit of one worker [1024]",
    "--memory MIB": "memory limit of all pictures [half of what is free]",
    "--nice N": "lower the priority of the workers: 0 to 19 [0]",
    "--sandbox WHEN": "auto (where possible), require or off [auto]",
    "--truncated HOW": "keep: make thumbnails of incomplete pictures [fail]",
}

_LAYOUT, _FOR_WORKERS = "--layout LAYOUT", ("--memory MIB", "--nice N", "--sandbox WHEN")

_LINK_PREFIX = {"--link-prefix URL": 'where the links to the pictures lead; "" for none'}

_GALLERY = {"--gallery": "also write an HTML page of the thumbnails", **_LINK_PREFIX}

_MANIFEST = {"--manifest FILE": "list them in FILE or s3://bucket/file, as JSON lines"}


_SOURCES = {"SOURCE...": "a folder, with its subfolders, or a picture"}


def _pictures(
    sources: dict[str, str], more: dict[str, str] | None = None, without: tuple[str, ...] = ()
) -> dict[str, dict[str, str]]:
    """Return the last two groups of most commands; the first is `sources`, choice, `more`."""
    looks = {usage: about for usage, about in _LOOKS_AND_LIMITS.items() if usage not in without}
    return {"pictures": sources | _PICTURES | (more or {}), "looks and limits": looks}


def _output(each: str) -> dict[str, str]:
    """Return the options for what is printed, and `--help`; `each` is what `--verbose` lists."""
    return {
        "-v, --verbose": f"print a line for every {each}",
        "--quiet": "print failures only",
        "--json": "print one JSON object per line",
        **_HELP,
    }


class Command:
    """A command: what it does, two examples, its options by group, and its usage.

    No NamedTuple, which would take 1 ms of the time of each start.
    """

    def __init__(
        self,
        about: str,
        examples: tuple[str, str],
        groups: dict[str, dict[str, str]],
        usage: str = "[OPTION]... SOURCE...",
    ) -> None:
        self.about, self.examples, self.groups, self.usage = about, examples, groups, usage
        self.description = f"{about[0].upper()}{about[1:]}."


COMMANDS = {
    "make": Command(
        "make the thumbnails that are missing or stale",
        ("~/Pictures", "~/Pictures --size 512 --format webp --output ~/Sites/thumbs"),
        {
            "thumbnails": _THUMBNAILS | _REMOTE,
            "this run": {
                "-n, --dry-run": "write nothing; say what would be made",
                "--force": "make every thumbnail again, current or not",
                "--retry-failed": "try pictures again that failed before",
                **_REPLACE,
                **_GALLERY,
                **_MANIFEST,
                **_CONFIG_AND_JOBS,
                **_output("picture"),
            },
            **_pictures(
                {
                    "[SOURCE...]": _SOURCES["SOURCE..."],
                    "--files-from FILE": "make what FILE lists, as it comes; - is standard input",
                },
                _SHARD,
            ),
        },
    ),
    "watch": Command(
        "make what is missing, then keep folders current",
        ("~/Pictures", "/srv/photos --config /etc/thumbnailer.toml --settle 5"),
        {
            "thumbnails": _THUMBNAILS | _ENDPOINT | _HEADER,
            "watching": {
                "--settle SECONDS": "wait until an open file is unchanged for so long [1]",
                "--rescan SECONDS": "time from one rescan of all folders to the next [60]",
                "--events QUEUE": "SQS, Azure or Pub/Sub queue of a bucket's events",
                "--poll [SECONDS]": "look at all files so often [5]; don't rely on events",
                "--[no-]keep-orphans": "keep thumbnails whose source is gone",
                "--health FILE": "keep its state in FILE: JSON, or metrics (*.prom)",
                "--retry-failed": "try pictures again that failed before",
                **_REPLACE,
                "--[no-]gallery": _GALLERY["--gallery"],
                **_LINK_PREFIX,
                **_CONFIG_AND_JOBS,
                **_output("picture"),
            },
            **_pictures({"[SOURCE...]": "a folder, with its subfolders"}),
        },
    ),
    "gallery": Command(
        "write an HTML page of the thumbnails",
        ("~/Pictures", "~/Pictures --size 256 --size 512 --output ~/Sites/thumbs"),
        {
            "thumbnails": _THUMBNAILS | _ENDPOINT,
            "this run": _LINK_PREFIX | _CONFIG_AND_JOBS | _output("page, with its size and time"),
            **_pictures({"SOURCE...": "a folder"}, without=(_LAYOUT,)),
        },
    ),
    "prune": Command(
        "remove the thumbnails of pictures that are gone",
        ("~/Pictures --dry-run", "~/Pictures --stale --size 512 --output ~/Sites/thumbs"),
        {
            "thumbnails": _THUMBNAILS | _ENDPOINT,
            "this run": {
                "-n, --dry-run": "remove nothing; say what would be removed",
                "--stale": "also remove what these settings would not make",
                "--yes": "remove even more than half, and those of empty folders",
                **_CONFIG,
                **_output("removal"),
            },
            **_pictures({"SOURCE...": "a folder"}, without=(_LAYOUT, *_FOR_WORKERS)),
        },
    ),
    "clean": Command(
        "remove all thumbnails, and all else that thumbnailer made",
        ("~/Pictures --dry-run", "~/Pictures --output ~/Sites/thumbs --yes"),
        {
            "arguments": {
                "SOURCE...": "a folder, with its subfolders",
                "-n, --dry-run": "remove nothing; say what would be removed",
                "-o, --output DIR": "remove the thumbnails in this output tree, too",
                **_ENDPOINT,
                "-c, --config FILE": "read `output` and `include` from FILE",
                "--yes": "don't ask",
                **_output("removal"),
            }
        },
    ),
    "explain": Command(
        "show how a picture is read, and the state of its thumbnails",
        ("~/Pictures/a.jpg", "~/Pictures/a.jpg --in ~/Pictures --output ~/Sites/thumbs"),
        {
            "arguments": {
                "FILE...": "a picture",
                "--in SOURCE": "the SOURCE that FILE is in; needed with --output",
                "--json": "print one JSON object per picture",
                **_HELP,
            },
            "thumbnails": _THUMBNAILS | _ENDPOINT | _CONFIG,
            **_pictures({}, without=_FOR_WORKERS),
        },
        "[OPTION]... FILE...",
    ),
    "status": Command(
        "count current, stale, missing and failed thumbnails",
        ("~/Pictures", "~/Pictures --size 512 --json"),
        {
            "thumbnails": _THUMBNAILS | _ENDPOINT,
            "this run": {
                "--json": "print one JSON object",
                "--quiet": "print failures only",
                "-v, --verbose": "print a line for every thumbnail not current",
                **_HELP,
                **_CONFIG,
            },
            **_pictures(_SOURCES, _SHARD, without=_FOR_WORKERS),
        },
    ),
    "verify": Command(
        "decode all thumbnails and check that they are intact",
        ("~/Pictures", "~/Pictures --fix --output ~/Sites/thumbs"),
        {
            "thumbnails": _THUMBNAILS | _ENDPOINT | _HEADER,
            "this run": {
                "--fix": "make wrong, stale and missing ones again",
                **_REPLACE,
                **_CONFIG_AND_JOBS,
                **_output("thumbnail"),
            },
            **_pictures(_SOURCES, _SHARD),
        },
    ),
    "health": Command(
        "tell whether a watch is alive, by its health file",
        ("/run/thumbnailer/health.json", "/tmp/health.json && echo alive"),
        {"arguments": {"FILE": "what `thumbnailer watch --health FILE` writes", **_HELP}},
        "FILE",
    ),
    "config": Command(
        "print the settings in force as a config.toml",
        ("> config.toml", "--config old.toml --size 512 > new.toml"),
        {
            "arguments": _HELP | _REMOTE | _LINK_PREFIX | _REPLACE,
            "thumbnails": _THUMBNAILS | _CONFIG_AND_JOBS,
            **_pictures({}, _SHARD),
        },
        "[OPTION]...",
    ),
    "help": Command(
        "show a help page, or the list of them",
        ("watch", "--settle"),
        {"arguments": {"[PAGE]": "a page, or a command or option to read about", **_HELP}},
        "[PAGE]",
    ),
    "completion": Command(
        "print a completion script for a shell",
        ("zsh > ~/.zfunc/_thumbnailer", "fish > ~/.config/fish/completions/thumbnailer.fish"),
        {"arguments": {"SHELL": "bash, zsh or fish", **_HELP}},
        "bash|zsh|fish",
    ),
    "man": Command(
        "print the manual page", ("| man -l -", "> thumbnailer.1"), {"options": _HELP}, ""
    ),
}


def takers(option: str) -> list[str]:
    """Return the commands that take an option, such as `-j`, `--jobs` or `--no-upscale`."""
    return [
        name
        for name, command in COMMANDS.items()
        for options in command.groups.values()
        for usage in options
        for spelling in {usage.replace("[no-]", ""), usage.replace("[no-]", "no-")}
        if option in re.findall(r"(?<!\S)--?[a-z-]+", spelling)
    ]


def long_name(usage: str) -> str:
    """Return the long name of an option given as in the table: `--size` of `-s, --size SIZE`."""
    return usage.rpartition(", ")[2].partition(" ")[0]


def seconds_above_0(text: str) -> float:
    """Parse a number of seconds; raise ArgumentTypeError if it is not above 0 or is infinite."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


# What the usage of an option does not say.
_HOW: dict[str, dict[str, Any]] = {
    "--help": {"action": "help"},
    "--size": {"action": "append"},
    "--include": {"action": "append"},
    "--exclude": {"action": "append"},
    "--verify-etag": {"default": None},
    "--header": {"action": "append"},
    "--replace": {"default": None},
    "--settle": {"type": seconds_above_0},
    "--rescan": {"type": seconds_above_0},
    "--events": {"default": ""},
    "--poll": {"nargs": "?", "const": POLL_SECONDS},
    "--in": {"dest": "root", "default": ""},
    "SOURCE...": {"nargs": "+"},
    "[SOURCE...]": {"nargs": "*"},
    "FILE...": {"nargs": "+"},
    "[PAGE]": {"nargs": "?"},
    "SHELL": {"choices": ("bash", "zsh", "fish")},
}


def add_options(group: argparse._ArgumentGroup, options: dict[str, str]) -> None:
    """Add options to a group, each given as `-s, --size SIZE`, `--[no-]upscale` or `SOURCE...`."""
    for usage, about in options.items():
        *short, last = usage.replace("[no-]", "").split(", ")
        name, _, value = last.partition(" ")
        how: dict[str, Any] = {"help": about.replace("%", "%%")}
        if value or not name.startswith("-"):
            how["metavar"] = (value or name).strip("[.]")
        else:
            how["action"] = argparse.BooleanOptionalAction if "[no-]" in usage else "store_true"
        how |= _HOW.get(name, {})
        group.add_argument(*short, name if name.startswith("-") else how["metavar"].lower(), **how)
