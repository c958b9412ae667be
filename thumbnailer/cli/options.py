"""Options that several commands share, in the groups that `--help` shows."""

from __future__ import annotations

import argparse

from thumbnailer.cli.help_format import ArgumentParser

_FLAG = argparse.BooleanOptionalAction


def add_thumbnail_options(group: argparse._ArgumentGroup) -> None:
    """Add the main options for thumbnails: size, format, quality, output and fit."""
    add = group.add_argument
    sizes = "box in px: 256, 256x192, 256x, x192 [256]; repeatable"
    add("-s", "--size", action="append", metavar="SIZE", help=sizes)
    add("-f", "--format", metavar="FORMAT", help="jpeg, png, webp, avif, gif or auto [jpeg]")
    add("-q", "--quality", metavar="N", help="1 to 100, for jpeg, webp and avif [80, avif 50]")
    add("-o", "--output", metavar="DIR", help="mirror the folders into DIR or s3://bucket/folder")
    add("--fit", metavar="FIT", help="contain, cover (crop), pad or fill (stretch) [contain]")


def add_remote_options(group: argparse._ArgumentGroup) -> None:
    """Add the options for buckets and for a Ray cluster."""
    add = group.add_argument
    add("--endpoint", metavar="URL", help="an S3 server that is not Amazon's, such as MinIO")
    verify = "check in buckets what each thumbnail was made of (slow)"
    add("--verify-etag", action="store_true", default=None, help=verify)
    cluster = "run on a Ray cluster: auto, or its head's HOST:PORT"
    add("--cluster", metavar="ADDRESS", help=cluster)


def add_config_and_jobs(group: argparse._ArgumentGroup) -> None:
    """Add `--config` and `--jobs`."""
    add = group.add_argument
    add("-c", "--config", metavar="FILE", help="read settings from FILE; options override them")
    add("-j", "--jobs", metavar="N", help="pictures at the same time [one per processor]")


def add_source_options(parser: ArgumentParser, nargs: str = "", about: str = "") -> None:
    """Add the options that select pictures and, if `nargs` is given, the argument SOURCE."""
    add = parser.add_argument_group("pictures").add_argument
    if nargs:
        add("source", metavar="SOURCE", nargs=nargs, help=about)
    take = "take only pictures that match; repeatable"
    add("--include", action="append", metavar="GLOB", help=take)
    leave_out = "leave out pictures and folders that match; repeatable"
    add("--exclude", action="append", metavar="GLOB", help=leave_out)
    add("--recursive", action=_FLAG, help="include subfolders, or don't [yes]")
    add("--also", metavar="LIST", help="also read any of ico,jpeg2000,ppm,psd,tga")


def add_appearance_options(group: argparse._ArgumentGroup) -> None:
    """Add the further options for the look, name and layout of thumbnails."""
    add = group.add_argument
    add("--crop", metavar="CROP", help="what cover keeps: centre, entropy, attention [centre]")
    add("--upscale", action=_FLAG, help="let thumbnails be larger than their source")
    add("--background", metavar="COLOUR", help="colour behind transparency and around pad [white]")
    add("--linear", action=_FLAG, help="resize in linear light")
    add("--sharpen", action=_FLAG, help="sharpen slightly after a strong reduction")
    add("--animated", action=_FLAG, help="keep animations, in webp and gif")
    add("--progressive", action=_FLAG, help="progressive jpeg: loads coarse first, then sharp")
    add("--subsampling", metavar="MODE", help="4:2:0 or 4:4:4, for jpeg and avif [4:2:0]")
    add("--palette", action=_FLAG, help="png with at most 256 colours")
    add("--max-bytes", metavar="N", help="lower the quality until a file has at most N bytes")
    add("--keep", metavar="LIST", help="metadata to keep: copyright,date,gps,icc [none]")
    add("--previews", metavar="WHEN", help="use cameras' previews: verify, trust or never [never]")
    add("--name", metavar="TEMPLATE", help="file names, such as '{stem}_{size}' [as the source]")
    add("--layout", metavar="LAYOUT", help="thumbs, or freedesktop: the desktop's cache [thumbs]")


def add_limit_options(group: argparse._ArgumentGroup) -> None:
    """Add the options for time, pixel and memory limits, the sandbox and truncated pictures."""
    add = group.add_argument
    add("--timeout", metavar="SECONDS", help="time limit for one attempt at a picture [60]")
    add("--max-pixels", metavar="N", help="largest picture, in px [50 million, JPEG 250 million]")
    add("--worker-memory", metavar="MIB", help="memory limit of one worker [1024]")
    add("--memory", metavar="MIB", help="memory limit of all pictures [half of what is free]")
    add("--nice", metavar="N", help="lower the priority of the workers: 0 to 19 [0]")
    add("--sandbox", metavar="WHEN", help="auto (where possible), require or off [auto]")
    add("--truncated", metavar="HOW", help="keep: make thumbnails of incomplete pictures [fail]")


def add_output_options(group: argparse._ArgumentGroup, each: str) -> None:
    """Add the options for what is printed, and `--help`; `each` is what `--verbose` lists."""
    add = group.add_argument
    add("-v", "--verbose", action="store_true", help=f"print a line for every {each}")
    add("--quiet", action="store_true", help="print failures only")
    add("--json", action="store_true", help="print one JSON object per line")
    add_help(group)


def add_help(group: argparse._ArgumentGroup) -> None:
    """Add `--help`."""
    group.add_argument("-h", "--help", action="help", help="show this help")
