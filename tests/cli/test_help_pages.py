"""The help pages, as `thumbnailer help` lists, finds and shows them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from support.imports import HEAVY, imported
from support.pages import HELP
from support.pages import page as markdown
from support.program import THUMBNAILER, in_a_process, thumbnailer
from support.project import PROJECT
from support.terminal import Session, on_terminal

from thumbnailer.cli.help.pages import PAGES
from thumbnailer.cli.options import COMMANDS


def code(text: str) -> set[str]:
    """The lines of the blocks of code."""
    fenced = "\n".join(re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE))
    indented = re.findall(r"^ {4}.*", text, re.MULTILINE)
    return {line.strip() for line in [*fenced.splitlines(), *indented]}


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text))


def test_every_page_is_listed_in_a_line_with_its_title_on_one_screen() -> None:
    run = thumbnailer("help", COLUMNS="80")
    lines = run.out.splitlines()
    assert run.code == 0
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    listed = dict(re.findall(r"^  (\S+) +(\S.*)", run.out, re.MULTILINE))
    assert list(listed) == list(PAGES)
    for page, title in listed.items():
        assert markdown(page).partition("\n")[0].endswith(title)
    assert "`thumbnailer help PAGE`" in lines[0]
    assert "`thumbnailer COMMAND --help`" in lines[-1]


def test_every_file_is_a_page() -> None:
    assert {file.stem for file in HELP.glob("*.md")} == {*PAGES}


@pytest.mark.parametrize("columns", [80, 50])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_the_terminal_and_no_word_of_it_is_lost(page: str, columns: int) -> None:
    run = thumbnailer("help", page, COLUMNS=str(columns))
    assert (run.code, run.err) == (0, "")
    text = markdown(page)
    for line in run.out.splitlines():
        is_one_word = " " not in line.strip()
        assert len(line) <= columns or line.strip() in code(text) or is_one_word
    seen = re.sub(r"^ *```\w*$|<!--.*?-->|\]\(\S*?\)", "", text, flags=re.DOTALL | re.MULTILINE)
    assert words(seen) - words(run.out) == Counter()


def test_a_page_is_found_by_a_part_of_its_name_or_its_beginning() -> None:
    for word, page in {
        "verify": "status-verify-prune",
        "PRUNE": "status-verify-prune",
        "clean": "status-verify-prune",
        "config": "configuration",
        "Trouble": "troubleshooting",
        "colour": "formats-and-colour",
    }.items():
        assert thumbnailer("help", word).out == thumbnailer("help", page).out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_and_each_option_leads_to_a_page_that_tells_of_it(command: str) -> None:
    options = re.findall(r"^  (?:-\w, )?--(\S+)", thumbnailer(command, "--help").out, re.MULTILINE)
    options = [f"--{option.removeprefix('[no-]')}" for option in options if option != "help"]
    for word in (command, *options):
        run = thumbnailer("help", word)
        assert (run.code, run.err) == (0, "")
        assert word in re.sub(r"--(no-|\[no-\])", "--", run.out)


def test_an_option_leads_to_the_first_page_that_explains_it() -> None:
    for option, page in {"--size": "make", "-s": "make", "--settle": "watch"}.items():
        assert thumbnailer("help", option).out == thumbnailer("help", page).out


def test_what_switches_off_leads_where_what_switches_on_does() -> None:
    assert thumbnailer("help", "--no-upscale") == thumbnailer("help", "--upscale")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("wach", "did you mean watch?"),
        ("stauts", "did you mean status?"),
        ("c", f"there are {', '.join(PAGES)}"),
        ("--no-such", f"there are {', '.join(PAGES)}"),
    ],
)
def test_a_word_that_leads_nowhere_is_one_line(word: str, hint: str) -> None:
    run = thumbnailer("help", word)
    assert (run.code, run.out) == (2, "")
    assert run.err == f"thumbnailer: there is no help page {word}; {hint}\n"


def test_more_words_than_one_are_wrong_usage() -> None:
    for more in ("watch", "--settle"):
        run = thumbnailer("help", "make", more)
        assert (run.code, run.out, run.err.count("\n")) == (2, "", 1)


def test_help_pages_cost_nothing_they_do_not_need() -> None:
    heavy = {*HEAVY, "multiprocessing", "shtab", "tomllib"}
    assert not imported("help") & heavy
    assert not imported("help", "watch") & heavy


def test_the_manual_page_names_every_page() -> None:
    manual = thumbnailer("man").out.replace("\\-", "-").partition("\n.SH SEE ALSO\n")[2]
    listed = re.findall(r"^\.B thumbnailer help (\S+)\n(\S.*)\.$", manual, re.MULTILINE)
    assert [page for page, _ in listed] == list(PAGES)


def test_a_page_that_nobody_can_read_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        argv = [*THUMBNAILER, "help", "make"]
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"can't write" in done.stderr


def test_a_reader_who_leaves_early_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    argv = [*THUMBNAILER, "help", "make"]
    done = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.stderr == b""


def in_pager(pager: str, term: str = "xterm") -> Session:
    """A page on a terminal with this pager."""
    return on_terminal(
        "help",
        "make",
        columns=80,
        out_too=True,
        in_too=True,
        PAGER=pager,
        MANPAGER="",
        TERM=term,
    )


def test_on_a_terminal_a_page_is_shown_in_the_pager_with_its_title_bold(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    session = in_pager(f"cat > {seen}")
    assert (session.code, session.shown) == (0, "")
    text = seen.read_text()
    title = markdown("make").partition("\n")[0].removeprefix("# ").replace("`", "")
    assert re.sub(".\b", "", text) == thumbnailer("help", "make", COLUMNS="80").out
    assert text.startswith("".join(c if c == " " else f"{c}\b{c}" for c in title))


def test_ctrl_c_is_left_to_the_pager() -> None:
    session = in_pager("cat > /dev/null; kill -INT $PPID; sleep 0.3; echo done")
    assert (session.code, session.shown) == (0, "done\r\n")


def test_without_a_pager_a_page_is_printed() -> None:
    session = in_pager("", term="dumb")
    assert session.shown.replace("\r", "") == thumbnailer("help", "make", COLUMNS="80").out


def test_without_its_files_there_is_one_line(tmp_path: Path) -> None:
    """As where the program lies in a zip file."""
    archive = shutil.make_archive(str(tmp_path / "program"), "zip", PROJECT, "thumbnailer")
    run = in_a_process("help", "make", cwd=tmp_path, PYTHONPATH=archive)
    assert (run.code, run.out, run.err.count("\n")) == (1, "", 1)
    assert run.err.startswith("thumbnailer: can't read")
