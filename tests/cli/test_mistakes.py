"""What people type by mistake, and the line that tells what to type."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pictures import picture, tree
from support.program import THUMBNAILER, Run, thumbnailer

from thumbnailer.cli.options import COMMANDS

EMPTY = "a SOURCE is empty; . is the current folder"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["Photos"], "there is no command Photos; did you mean `thumbnailer make Photos`?"),
        (
            ["./a b", "--size", "64"],
            "there is no command ./a b; did you mean `thumbnailer make './a b' --size 64`?",
        ),
        (["s3://b/a"], "did you mean `thumbnailer make s3://b/a`?"),
        (["mkae", "Photos"], "there is no command mkae; did you mean make?"),
        (["version"], "there is no command version; did you mean --version?"),
        (["-v", "make", "."], "options come after the command: `thumbnailer make -v ...`"),
        (["-j", "2", "make", "."], "options come after the command: `thumbnailer make -j ...`"),
        (["--json", "status"], "options come after the command: `thumbnailer status --json ...`"),
        (["-c", "config", "make"], "options come after the command: `thumbnailer COMMAND -c ...`"),
        (["status"], "thumbnailer status: missing: SOURCE (see thumbnailer status --help)"),
        (["watch", ".", "--settle"], "thumbnailer watch: --settle needs a value"),
        (["make", ""], EMPTY),
        (["status", "Photos", "--json", ""], EMPTY),
        (
            ["status", ".", "-j", "2"],
            "status: takes no -j; it is an option of make, watch,",
        ),
        (["verify", ".", "--force"], "verify: takes no --force; it is an option of make (see"),
        (["prune", ".", "--nice=3"], "prune: takes no --nice; it is an option of make, watch,"),
        (["make", ".", "--fit", "crop"], '"pad" or "fill"; did you mean "cover"?'),
        (["make", ".", "--fit", "stretch"], 'did you mean "fill"?'),
        (["make", ".", "--fit", "Cover"], 'did you mean "cover"?'),
        (["make", ".", "--crop", "middle"], 'did you mean "centre"?'),
        (["make", ".", "--format", "jepg"], 'did you mean "jpeg"?'),
        (["make", ".", "--layout", "fredesktop"], 'did you mean "freedesktop"?'),
        (["make", ".", "--size", "large"], "must be 256, 256x192, 256x or x192, each side from 1"),
        (["make", ".", "--size", "0%"], "50% of the picture's sides, or at most 1.5mp"),
        (["make", ".", "--keep", "all"], "--keep all: must be any of copyright,date,gps,icc"),
        (["make", ".", "--header", ""], "--header: is empty; must be NAME=VALUE, such as"),
        (
            ["make", ".", "--layout", "freedesktop", "--fit", "pad"],
            "thumbnailer: --fit pad: has no place in the desktop's cache",
        ),
        (
            ["make", ".", "--layout", "freedesktop", "--size", "64*64", "--output", "cache"],
            "thumbnailer: --size 64*64: the desktop's cache has 128, 256, 512, 1024",
        ),
    ],
)
def test_wrong_usage_is_answered_with_what_to_type(
    tmp_path: Path, arguments: list[str], answer: str
) -> None:
    for folder in ("Photos", "a b"):
        (tmp_path / folder).mkdir()
    run = thumbnailer(*arguments, cwd=tmp_path)
    assert (run.code, run.out) == (2, "")
    assert answer in run.err
    assert run.err.count("\n") == 1


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("Photos/*.png", "; for a pattern: Photos --include '*.png'"),
        ("Photos/**/*.png", "; for a pattern: Photos --include '**/*.png'"),
        ("IMG_????.jpg", "; for a pattern: . --include 'IMG_????.jpg'"),
        ("Photo", "; did you mean Photos?"),
        ("gone/", ""),
        ("link", "; it is a link to nothing"),
    ],
)
@pytest.mark.parametrize("command", ["make", "status", "explain"])
def test_a_source_that_is_not_there_is_named_with_what_may_be_meant(
    tmp_path: Path, command: str, source: str, answer: str
) -> None:
    (tmp_path / "Photos").mkdir()
    (tmp_path / "link").symlink_to("nothing")
    run = thumbnailer(command, source, cwd=tmp_path)
    assert (run.code, run.out) == (1, "")
    assert run.err == f"thumbnailer: {source}: no such file or folder{answer}\n"


def test_what_is_suggested_for_a_pattern_works(tmp_path: Path) -> None:
    tree(tmp_path / "Photos", "a.png", "b.jpg")
    run = thumbnailer("make", "Photos", "--include", "*.png", cwd=tmp_path)
    assert run.out.startswith("1 found, 1 made")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_folder_that_one_is_in_may_be_gone(tmp_path: Path, unbuffered: str) -> None:
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *THUMBNAILER, "make", "."],
        cwd=tmp_path / "gone",
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
    )
    said = "thumbnailer: the current folder is not there any more; change to one that is\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_american_spelling_is_taken(photos: Path) -> None:
    picture(photos / "a.jpg", (100, 50))
    options = ("--size", "20", "--fit", "cover", "--crop")
    assert thumbnailer("make", photos, *options, "center").code == 0
    run = thumbnailer("make", photos, *options, "centre")
    assert run.out == "1 found, 0 made, 1 current; nothing to do\n"


# Values of the options that take no number; "" for what needs a bucket or a cluster.
VALUES = {
    "--also": "ico",
    "--background": "black",
    "--cluster": "",
    "--config": "c.toml",
    "--crop": "entropy",
    "--endpoint": "http://localhost:9",
    "--events": "",
    "--exclude": "*.png",
    "--files-from": "list",
    "--fit": "cover",
    "--format": "png",
    "--header": "",
    "--health": "health.json",
    "--in": "photos",
    "--include": "*.jpg",
    "--keep": "date",
    "--layout": "freedesktop",
    "--manifest": "manifest",
    "--nice": "1",
    "--link-prefix": "/photos",
    "--name": "{stem}_{size}",
    "--output": "out",
    "--previews": "verify",
    "--sandbox": "off",
    "--shard": "1/2",
    "--subsampling": "4:4:4",
    "--truncated": "keep",
}

# What is off if nothing is said, on, and the other way round.
FLAGS = "recursive = false\n" + "".join(
    f"{flag} = true\n"
    for flag in ["upscale", "linear", "sharpen", "animated", "progressive", "palette", "by_content"]
)

# What a command is run on: a watch would not end.
SOURCES = {"explain": ["photos/a.jpg"], "watch": ["gone"], "health": ["health.json"]}
SOURCES |= {name: ["photos"] for name in ("make", "gallery", "prune", "clean", "status", "verify")}


def options_of(command: str) -> list[tuple[str, str]]:
    """The options of a command with the words for their values, as its help shows them."""
    text = thumbnailer(command, "--help", COLUMNS="80").out
    found = re.findall(r"^  (?:-\w, )?(--\S+)(?: (\[?[A-Z]\S*))?  ?", text, re.MULTILINE)
    return [(name, value) for name, value in found if name != "--help"]


def spelled(command: str) -> Iterator[list[str]]:
    """Each option of a command with a value, as it is typed; also with `--no-`."""
    for name, value in options_of(command):
        text = VALUES.get(name, "40")
        for option in {name.replace("[no-]", ""), name.replace("[no-]", "no-")} if text else ():
            yield [option, text] if value else [option]


def on_cache(*arguments: str, cwd: Path) -> Run:
    """Run the command line with a cache of its own, for `--layout freedesktop`."""
    return thumbnailer(*arguments, cwd=cwd, XDG_CACHE_HOME=str(cwd / "cache"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_each_option_in_its_help(tmp_path: Path, command: str) -> None:
    tree(tmp_path / "photos", "a.jpg")
    (tmp_path / "c.toml").touch()
    (tmp_path / "list").write_text("a.jpg\n")
    for option in spelled(command):
        run = on_cache(command, *SOURCES.get(command, []), *option, cwd=tmp_path)
        assert run.code != 2, f"{option}: {run.err}"


def test_each_option_for_a_setting_has_an_effect(tmp_path: Path) -> None:
    """Whatever command takes it: `config` prints what it leads to."""
    (tmp_path / "c.toml").write_text(FLAGS)
    turned = on_cache("config", "-c", "c.toml", cwd=tmp_path).out
    defaults = thumbnailer("config").out
    for option in spelled("config"):
        printed = on_cache("config", *option, cwd=tmp_path).out
        if printed == defaults:  # `--no-upscale` undoes what a file says
            printed = on_cache("config", "-c", "c.toml", *option, cwd=tmp_path).out
            assert printed != turned, option


@pytest.mark.parametrize("command", ["status", "prune", "explain"])
def test_a_command_without_workers_has_no_options_for_them(command: str) -> None:
    for_workers = {"--jobs", "--memory", "--nice", "--sandbox"}
    assert not for_workers & {name for name, _ in options_of(command)}
    assert for_workers <= {name for name, _ in options_of("make")}
