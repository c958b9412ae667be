"""The options that commands share, by the groups that `--help` shows them in."""

from __future__ import annotations

import argparse

from thumbnailer.cli.help_format import ArgumentParser

_FLAG = argparse.BooleanOptionalAction


def add_thumbnail_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    sizes = "box in px: 256, 256x192, 256x, x192 [256]; repeatable"
    add("-s", "--size", action="append", metavar="SIZE", help=sizes)
    add("-f", "--format", metavar="FORMAT", help="jpeg, png, webp, avif, gif or auto [jpeg]")
    add("-q", "--quality", metavar="N", help="1 to 100, for jpeg, webp and avif [80, avif 50]")
    add("-o", "--output", metavar="DIR", help="a mirrored tree there; or s3://bucket/folder")
    add("--fit", metavar="FIT", help="contain, cover (crop), pad or fill (stretch) [contain]")


def add_remote_options(group: argparse._ArgumentGroup) -> None:
    """What lies beyond this machine."""
    add = group.add_argument
    add("--endpoint", metavar="URL", help="of buckets that are not Amazon's, such as MinIO's")
    verify = "ask thumbnails in buckets what they are of (slow)"
    add("--verify-etag", action="store_true", default=None, help=verify)
    cluster = "let a Ray cluster do it: auto, or its head's HOST:PORT"
    add("--cluster", metavar="ADDRESS", help=cluster)


def add_config_and_jobs(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-c", "--config", metavar="FILE", help="read settings from FILE; options go first")
    add("-j", "--jobs", metavar="N", help="pictures at the same time [one a processor]")


def add_source_options(parser: ArgumentParser, nargs: str = "", about: str = "") -> None:
    add = parser.add_argument_group("pictures").add_argument
    if nargs:
        add("source", metavar="SOURCE", nargs=nargs, help=about)
    add("--include", action="append", metavar="GLOB", help="only pictures that match; repeatable")
    leave_out = "leave out pictures and folders that match; repeatable"
    add("--exclude", action="append", metavar="GLOB", help=leave_out)
    add("--recursive", action=_FLAG, help="enter subfolders, or don't")
    add("--also", metavar="LIST", help="read these too: of ico,jpeg2000,ppm,psd,tga")


def add_appearance_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--crop", metavar="CROP", help="what cover keeps: centre, entropy, attention [centre]")
    add("--upscale", action=_FLAG, help="a thumbnail may be larger than its source")
    add("--background", metavar="COLOUR", help="behind transparent, around padded ones [white]")
    add("--linear", action=_FLAG, help="resize in linear light")
    add("--sharpen", action=_FLAG, help="sharpen a little what was much reduced")
    add("--animated", action=_FLAG, help="keep animations, in webp and gif")
    add("--progressive", action=_FLAG, help="jpeg that appears coarse first")
    add("--subsampling", metavar="MODE", help="4:2:0 or 4:4:4, for jpeg and avif [4:2:0]")
    add("--palette", action=_FLAG, help="png of 256 colours at most")
    add("--max-bytes", metavar="N", help="the highest quality whose file is no longer")
    add("--keep", metavar="LIST", help="of copyright,date,gps,icc [none]")
    add("--previews", metavar="WHEN", help="verify or trust those in cameras' JPEGs [never]")
    add("--name", metavar="TEMPLATE", help="such as '{stem}_{size}' [as the source]")
    add("--layout", metavar="LAYOUT", help="thumbs, or freedesktop: the desktop's own cache")


def add_limit_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--timeout", metavar="SECONDS", help="for one attempt at a picture [60]")
    add("--max-pixels", metavar="N", help="the largest picture [50 million, JPEG 250 million]")
    add("--worker-memory", metavar="MIB", help="the most that one worker may take [1024]")
    add("--memory", metavar="MIB", help="for all pictures at once [half of what is free]")
    add("--nice", metavar="N", help="stand back for other programs: 0 to 19 [0]")
    add("--sandbox", metavar="WHEN", help="auto (where it can be had), require or off [auto]")
    add("--truncated", metavar="HOW", help="keep: make what there is of a picture [fail]")


def add_output_options(group: argparse._ArgumentGroup, each: str) -> None:
    group.add_argument("-v", "--verbose", action="store_true", help=f"a line for every {each}")
    group.add_argument("--quiet", action="store_true", help="say nothing but failures")
    group.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    add_help(group)


def add_help(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-h", "--help", action="help", help="show this help")
