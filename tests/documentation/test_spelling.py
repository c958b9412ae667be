"""Pages, docstrings and messages are spelt right; codespell looks after the rest of the project."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import CHANGELOG, PATHS, sentences
from support.project import PROJECT

# Names, words of the trade, and what the list of English words spells as in America.
OWN_WORDS = {*(Path(__file__).with_name("words.txt").read_text().split())}

# What is no word of a sentence: code, a path or a name of a file, an option, a field, and what a
# docstring lists, such as an argument.
NO_WORDS = re.compile(
    r"`[^`]*`|\{[^}]*\}|\w+://\S+|\S*[\w/][/\\_.=]\w\S*|--?[a-z]\S*|^ +\w+:(?= )",
    re.ASCII | re.MULTILINE,
)

# A word of two letters and more that no other sign touches, such as a bracket of code.
WORD = re.compile(r"(?<![\w.\"'-])[A-Za-z][a-z]+(?:'[a-z]+)?(?![\w(\[-])")

# Where links lead, comments, and the names of tags and of their attributes.
LINKS = re.compile(r"(?<=\])\([^)]*\)|<!--.*?-->|<\w+|\w+=(?=\")")


def words(text: str) -> set[str]:
    """The words of sentences, without the "s" of the genitive."""
    return {one.lower().removesuffix("'s") for one in WORD.findall(NO_WORDS.sub(" ", text))}


def texts() -> Iterator[tuple[str, str]]:
    """The pages, and all strings of the program that have the look of a sentence; by their file."""
    for path in (*PATHS, CHANGELOG):
        yield path.name, LINKS.sub("", sentences(path))
    for path in (PROJECT / "thumbnailer").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        strings = (node.value for node in nodes if isinstance(node, ast.Constant))
        said = (one for one in strings if isinstance(one, str) and one.count(" ") > 2)
        yield from ((path.name, one) for one in said)


def test_words_are_of_english_or_our_own() -> None:
    english = pytest.importorskip("spellchecker").SpellChecker()
    unknown = {
        word: name for name, text in texts() for word in english.unknown(words(text)) - OWN_WORDS
    }
    assert unknown == {}, "a mistake, or a word for words.txt"


def test_our_own_words_are_used_and_not_in_the_list_of_english_words() -> None:
    english = pytest.importorskip("spellchecker").SpellChecker()
    used = {word for _, text in texts() for word in words(text)}
    assert OWN_WORDS - used == set()
    assert english.known(OWN_WORDS) == set()
