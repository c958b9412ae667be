"""A help page, walked through as its reader does: its commands in order, each in a real shell."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.pages import Block, blocks, spans
from thumbnailer.cli.options import COMMANDS, takers
from thumbnailer.cli.parser import parse_args
from thumbnailer.cli.settings_from_args import settings_from_args

# What may be run: our program, and others that change nothing.
RUN = {"thumbnailer", "cat", "find", "git", "man", "python"}

# What can't be run here, by what its command has, and why. Where our program is a part of it, the
# words of that are checked all the same.
NOT_RUN = {
    r"\bpip (un)?install\b": "takes a network; tests/packaging installs what is built",
    r"^python3 -m venv\b": "comes before pip",
    r"^(sudo|cp|diff|rm|sed|(user|group)\w+|setfacl)\b": "is about the machine itself",
    r"^(systemctl|journalctl|systemd-\w+)\b": "needs systemd as the first process",
    r"^(docker|podman|buildah)\b": "needs a builder of containers, and a network",
    r"^(ray|export RAY_\w+)\b": "needs several machines; tests/cluster has a cluster of one",
    r"^(aws|az|gcloud)\b": "needs an account",
    r"\b(s3|gs|az)://": "needs an account; tests/buckets have servers that answer alike",
    r"--cluster\b": "needs a cluster; tests/cluster has one",
    r"^pyinstaller\b": "takes half a minute; tests/hosts run it",
    r"^python -m tests\.": "takes minutes, or a browser; test_pages looks whether it is there",
    r"^(pytest|ruff|mypy|lint-imports|codespell)\b": "is what .ci/run runs",
    r"^gm\b": "is compared with ours, and needed for nothing else",
    r"^inotifywait\b": "goes on for ever; test_lists_are_piped_as_shown ends it",
}

# The options of other programs that sentences name, by whose they are.
OPTIONS_OF_OTHERS = {"-z": "git", "--minutes": "tests.tools.soak", "--variant": "tests.bench"}

_PROGRAMS = "python3?|pip|docker|podman|systemctl|journalctl|ray|pyinstaller|aws|az|gcloud|gm"
_TIMES_OF_CRON = re.compile(r"^(?:[\d*/,-]+ +){5}(?=/)")
_OPERATOR = re.compile(r"^[|&;<>()]+$")
_PLACEHOLDER = re.compile(r"^[<\[]?[A-Z_/]+[.\]>]*$|…|\.\.\.$")
# How long or how large something is.
_MEASURED = re.compile(r"\b[\d.,]+ (?:s|seconds?|minutes?|hours?|bytes|kB|MB|GB)\b")
_NUMBER = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True)
class Step:
    """A command of a page, with the lines that it is shown to print; None if none are shown."""

    command: str
    shown: Sequence[str] | None = None

    @property
    def parts(self) -> list[list[str]]:
        """The words of the programs that a shell starts for it, without redirections."""
        lexer = shlex.shlex(self.command, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        parts = list[list[str]]([[]])
        words = iter(lexer)
        for word in words:
            if word.startswith((">", "<")) and _OPERATOR.match(word):
                next(words)
            elif _OPERATOR.match(word):
                parts.append([])
            else:
                parts[-1].append(word)
        return [part for part in parts if part]

    @property
    def ours(self) -> list[list[str]]:
        """What comes after our program's name, also where another program starts it."""
        found = list[list[str]]()
        for part in self.parts:
            quoted = (shlex.split(word) for word in part if word.startswith("thumbnailer "))
            for words in (part, *quoted):
                for at, word in enumerate(words):
                    rest = words[at + 1 :]
                    if _is_ours(word) and (at == 0 or (rest and rest[0] in COMMANDS)):
                        found.append(rest)
        return found

    @property
    def why_not_run(self) -> str:
        """Why it can't be run here; "" if it can."""
        return next((why for found, why in NOT_RUN.items() if re.search(found, self.command)), "")


def is_of_commands(block: Block) -> bool:
    """Whether a block is such as is typed into a shell, and no output, code or data."""
    if block.language:
        return block.language in ("console", "sh", "bash")
    first = block.first_line.removeprefix("$ ")
    step = Step(_without_times(first))
    program = step.command.partition(" ")[0]
    if first != block.first_line or os.path.basename(program) in RUN:
        return True
    return bool(re.match(r"[a-z/]", program) and "://" not in program and step.why_not_run)


def blocks_of_commands(path: Path) -> list[Block]:
    """The blocks of a page that are typed into a shell, in order."""
    return [block for block in blocks() if block.path == path and is_of_commands(block)]


def steps(block: Block) -> list[Step]:
    """The commands of a block, in order."""
    if block.first_line.startswith("$ "):
        return [Step(command, shown) for command, shown in block.commands]
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    return [Step(_without_times(line)) for line in lines if line.partition("#")[0].strip()]


def commands_within(path: Path) -> Iterator[Step]:
    """The commands that a page's sentences and tables name."""
    for text in spans(path):
        if re.match(rf"(thumbnailer|{_PROGRAMS}) ", text):
            yield Step(text)


def options_within(path: Path) -> Iterator[list[str]]:
    """The options that they name, with their values, if any; as words for our program."""
    for text in spans(path):
        if re.match(rf"({'|'.join(COMMANDS)}) -", text):
            yield [*shlex.split(text), "photos"]
        elif re.match(r"--?[a-z][a-z-]*( |$)", text) and text.split()[0] not in OPTIONS_OF_OTHERS:
            words = re.sub(r"(?<=\w)\\(?=\w)|(?<=:)\\", "/", text)  # D:\thumbs
            yield shlex.split(words)


def is_whole(step: Step) -> bool:
    """Whether it can be run as it is: no word stands for another, and there is more than a name."""
    words = [word for part in step.parts for word in part]
    alone = words[1:] in ([name] for name in ("help", "config", "man", "--version"))
    return (alone or len(words) > 2) and not any(map(_PLACEHOLDER.search, words))


def check_words(words: Sequence[str]) -> None:
    """Raise what the program raises if it does not take these words after its name.

    The name of a command alone is taken, and so is an option without its value.
    """
    if not words or (len(words) == 1 and words[0] in COMMANDS):
        return
    if words[0].startswith("-"):
        commands = takers(words[0])
        assert commands or words[0] in ("--help", "--version"), f"there is no option {words[0]}"
        if len(words) == 1 or not commands:
            return
        words = [commands[0], "photos", *words]
    if any(map(_PLACEHOLDER.search, words)):
        words = [word for word in words if not _PLACEHOLDER.search(word)]
        options = [word for word in words if word.startswith("-")]
        assert all(words[0] in takers(option) for option in options), words
        return
    if "--help" in words or "--version" in words:
        return
    try:
        arguments = parse_args([re.sub(r"\$\(\(.*?\)\)|\$\w+", "1", word) for word in words])
    except SystemExit:
        raise AssertionError(f"thumbnailer does not take these words: {words}") from None
    if getattr(arguments, "header", None) and not arguments.output:
        arguments.output = "s3://bucket/thumbs"  # without one there is no header
    if getattr(arguments, "config", "") is None:
        settings_from_args(arguments)


def run(command: str, folder: Path) -> tuple[int, str]:
    """Run a command as a user types it whose home is the folder; return its exit code and all that
    it prints, with the folder called as the pages call it.

    The folder has a `srv` and an `etc` of its own, in place of the machine's. A watch is stopped by
    SIGTERM when it is ready.
    """
    line = command.replace("/opt/thumbnailer/bin/", "")
    assert not re.search(r"(?<![\w.:/*~])/(?!(srv|etc|dev)/)", line), f"leaves the folder: {line}"
    line = re.sub(r"(?<![\w.:/*~])/(?=(srv|etc)/)", f"{folder}/", line)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    home = {"HOME": str(folder), "PATH": path, "PAGER": "cat", "MANPAGER": "cat"}
    with subprocess.Popen(
        ["/bin/sh", "-c", f"trap : TERM; {line}"],  # SIGTERM is for what the shell has started
        cwd=folder,
        env=os.environ | home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            if any(words[:1] == ["watch"] for words in Step(command).ours):
                printed = _until_ready(process)
                os.killpg(process.pid, signal.SIGTERM)
            else:
                printed = ""
            printed += process.communicate(timeout=60)[0]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, re.sub(f"{folder}(?=/(srv|etc)/)", "", printed).replace(
        str(folder), "/home/me"
    )


def are_alike(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether a command printed what is shown, in any order, as several workers do.

    Times and lengths may differ. A line `...` stands for any number of lines, and says that the
    numbers are those of a larger folder.
    """
    shortened = "..." in shown
    kept, found = _unmeasured(shown, shortened), _unmeasured(printed, shortened)
    if shortened:
        kept.remove("...")
        return set(kept) <= set(found)
    return kept == found


def _unmeasured(lines: Sequence[str], all_numbers: bool) -> list[str]:
    unmeasured = (_MEASURED.sub("N", line) for line in lines)
    return sorted(_NUMBER.sub("N", line) if all_numbers else line for line in unmeasured)


def _is_ours(word: str) -> bool:
    return os.path.basename(word) == "thumbnailer"


def _until_ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    printed, end = "", time.monotonic() + 60
    while "ready" not in printed and time.monotonic() < end:
        line = process.stdout.readline()
        if not line:
            break
        printed += line
    return printed


def _without_times(line: str) -> str:
    """A line of cron without the times that it begins with."""
    return _TIMES_OF_CRON.sub("", line.partition(" # ")[0].strip())
