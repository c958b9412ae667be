"""What the command line says of itself: help, the manual page, completion."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.imports import HEAVY, imported
from support.pictures import tree
from support.program import THUMBNAILER, in_a_process, thumbnailer

from thumbnailer.errors import install_hint

COMMANDS = [
    "make",
    "watch",
    "gallery",
    "health",
    "prune",
    "clean",
    "explain",
    "status",
    "verify",
    "config",
    "help",
    "completion",
    "man",
]


def test_a_version_is_a_number() -> None:
    run = thumbnailer("--version")
    assert run.code == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run.out)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_page_of_80_columns_and_ends_with_two_examples(command: str) -> None:
    run = thumbnailer(*filter(None, [command]), "--help", COLUMNS="80")
    lines = run.out.splitlines()
    assert run.code == 0
    assert len(lines) <= 66  # of a printed page
    assert max(map(len, lines)) <= 80
    assert lines[-3] == "examples:"
    assert all(line.startswith(f"  thumbnailer {command}") for line in lines[-2:])


def test_what_is_used_most_comes_first() -> None:
    options = re.findall(r"^  (?:-\w, )?--(\S+)", thumbnailer("make", "--help").out, re.MULTILINE)
    assert options[:4] == ["size", "format", "quality", "output"]
    assert options[-1] == "truncated"


@pytest.mark.parametrize("command", ["make", "watch"])
def test_help_on_a_narrow_terminal(command: str) -> None:
    text = thumbnailer(command, "--help", COLUMNS="40").out
    explained = text.partition("\n")[2].partition("\nexamples:")[0].splitlines()
    assert len(explained) > 60
    assert max(map(len, explained)) <= 40


def test_without_a_command_there_is_help() -> None:
    run = thumbnailer()
    assert (run.code, run.out) == (2, "")
    assert run.err == thumbnailer("--help").out


def test_help_costs_nothing_it_does_not_need() -> None:
    heavy = {*HEAVY, "multiprocessing", "shtab", "tomllib"}
    assert not imported("--help") & heavy
    assert not imported("make", "--help") & heavy


def test_help_that_nobody_can_read_is_one_line() -> None:
    for unbuffered in ("", "1"):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*THUMBNAILER, "--help"],
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                stdout=full,
                stderr=subprocess.PIPE,
            )
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)


def test_the_manual_page_has_every_command_and_option() -> None:
    page = thumbnailer("man").out.replace("\\-", "-")
    for command in COMMANDS:
        assert f"\n.SS thumbnailer {command}" in page
        options = re.findall(r"^  (?:-\w, )?(--\S+)", thumbnailer(command, "--help").out, re.M)
        assert {option for option in options if option not in page} == set()


def test_the_manual_page_explains_every_exit_code() -> None:
    section = thumbnailer("man").out.partition("\n.SH EXIT STATUS\n")[2].partition("\n.SH")[0]
    entries = dict(re.findall(r"^\.TP\n\.B (.*)\n([^.].*)", section, re.MULTILINE))
    assert [*entries] == ["0", "1", "2", "3", "130, 143"]
    assert {entry.count("`") for entry in entries.values()} == {0}


@pytest.mark.parametrize(
    "check",
    [
        ["mandoc", "-Tlint", "-Wwarning"],
        ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"],
    ],
    ids=lambda check: check[0],
)
def test_the_manual_page_is_in_order(check: list[str], tmp_path: Path) -> None:
    if not shutil.which(check[0]):
        pytest.skip(f"{check[0]} is not installed")
    page = tmp_path / "thumbnailer.1"
    page.write_text(thumbnailer("man").out)
    done = subprocess.run([*check, page], capture_output=True, text=True)
    said = (done.stdout if check[0] == "mandoc" else "") + done.stderr
    # A date would make each build another one.
    assert [line for line in said.splitlines() if "missing date" not in line] == []


BASH = """
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
function=$(complete -p thumbnailer | sed 's/.*-F \\([^ ]*\\).*/\\1/')
$function thumbnailer "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""

FISH = 'source $argv[1]; complete -C "$argv[2..]" | string split --fields 1 \\t'

ZSH = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; PROMPT=; print READ''Y\n"


def completed(shell: str, words: list[str], cwd: Path) -> set[str]:
    """What a shell that has read `_thumbnailer` offers for the last of some words."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    if shell == "zsh":
        return by_zsh(words, cwd)
    argv = ["fish", "-c", FISH] if shell == "fish" else ["bash", "-c", BASH, "-"]
    argv.append("./_thumbnailer")
    done = subprocess.run([*argv, *words], cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return set(done.stdout.split())


def by_zsh(words: list[str], cwd: Path) -> set[str]:
    """It completes on a terminal only: what is seen there, in words."""
    leader, terminal = pytest.importorskip("pty").openpty()
    streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "LINES": "60"}
    with subprocess.Popen(
        ["zsh", "-f", "-i"], cwd=cwd, env=environment, start_new_session=True, **streams
    ) as process:
        os.write(leader, ZSH.encode())
        seen = heard_from(leader, "READY")
        os.write(leader, f"{' '.join(words)}\t\t".encode())
        seen = heard_from(leader, "never", patience=2)
        process.kill()
    os.close(leader)
    os.close(terminal)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x07", " ", seen)
    return set(plain.split())


def heard_from(leader: int, end: str, patience: float = 20) -> str:
    """What comes until it holds `end` or nothing more does."""
    heard = ""
    with selectors.DefaultSelector() as selector:  # select() takes no numbers from 1024 on
        selector.register(leader, selectors.EVENT_READ)
        while end not in heard and selector.select(patience):
            heard += os.read(leader, 65536).decode(errors="replace")
    return heard


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ([""], set(COMMANDS)),
        (["make", "--fo"], {"--format", "--force"}),
        (["make", "--format", ""], {"jpeg", "png", "webp", "avif", "gif", "jxl", "auto"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["help", "c"], {"configuration", "cluster"}),
        (["make", "tr"], {"trip"}),
        (["make", "--output", "tr"], {"trip"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
@pytest.mark.few(2)
def test_words_are_completed(
    shell: str, words: list[str], offered: set[str], tmp_path: Path
) -> None:
    pytest.importorskip("shtab")
    tree(tmp_path, "trip/a.jpg")
    (tmp_path / "_thumbnailer").write_text(thumbnailer("completion", shell).out)
    got = {word.rstrip("/") for word in completed(shell, ["thumbnailer", *words], tmp_path)}
    assert offered <= got if shell == "zsh" else offered == got


def test_without_the_extra_completion_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "shtab.py").write_text("raise ImportError")
    run = in_a_process("completion", "bash", PYTHONPATH=str(tmp_path))
    assert (run.code, run.out) == (1, "")
    how = install_hint("completion")
    assert run.err == f"thumbnailer: completion comes with an extra; install it with {how}\n"
