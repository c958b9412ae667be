"""Globs of `include` and `exclude`: what they match, and what is wrong with those that can't.

A glob is compared with paths below a SOURCE; case does not matter:

- without a slash before its end, with the last part of a path: `*.png`, `private`
- with one, with the whole path: `2026/*`, `a/**/private`; a slash or `./` at its beginning does no
  more than to tie it to the SOURCE, as in .gitignore: `/private`
- with a slash at its end, with folders only: `private/`

`*` matches slashes, too, but not in the first part of a glob that begins with a slash: `/*.jpg` are
the pictures in the SOURCE itself. `**/` also matches nothing at all.
"""

from __future__ import annotations

import fnmatch
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice

from thumbnailer.errors import shortened
from thumbnailer.formats import FORMATS

# A character class has no slash in it: one that is opened in one part of a path and closed in
# another is a bracket in a name, as it is to a shell.
_TOKEN = re.compile(r"\*+|\?|\[!?\]?[^\]/]*\]|.", re.DOTALL)
_CLASS = re.compile(r"\[!?\]?[^\]/]*\]")
_EMPTY_CLASS = r"(?!)"
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"\{(\w)\.\.(\w)\}")
_URL = re.compile(r"[a-z][a-z\d+.-]*://", re.IGNORECASE)

_ENDINGS = tuple(ending for one in FORMATS for ending in one.read_endings)

# How many globs an error message suggests.
_MAX_SUGGESTED = 3


@lru_cache
def glob_matcher(globs: tuple[str, ...], *, folders: bool) -> Callable[[str], bool]:
    """Return a predicate that tells whether one of some globs matches a path below a SOURCE.

    Args:
        folders: whether the paths are those of folders; else they are those of files.
    """
    names, paths = [], []
    for glob in globs:
        text, is_anchored, is_for_folders = _split(glob)
        if is_for_folders and not folders:
            continue
        if compares_paths(glob):
            paths.append(_path_regex(text, is_anchored=is_anchored))
        else:
            names.append(_regex(text))
    by_name, by_path = (
        re.compile(rf"(?:{'|'.join(regexes) or _EMPTY_CLASS})\Z", re.IGNORECASE | re.DOTALL)
        for regexes in (names, paths)
    )

    def matches(path: str) -> bool:
        path = _normal(path)
        return bool(by_name.match(path.rpartition("/")[2]) or by_path.match(path))

    return matches


def compares_paths(glob: str) -> bool:
    """Return whether a glob is compared with whole paths, not with names only."""
    text, is_anchored, _ = _split(glob)
    return is_anchored or "/" in text


def glob_parts(glob: str) -> list[str]:
    """Return the parts of a glob, between slashes."""
    return _split(glob)[0].split("/")


def matches_name(part: str, name: str) -> bool:
    """Return whether a part of a glob matches the name of a file or folder."""
    return bool(re.fullmatch(_regex(part), _normal(name), re.IGNORECASE | re.DOTALL))


def _normal(path: str) -> str:
    """Return a path with slashes, and composed: macOS decomposes `é` where others do not."""
    path = path.replace(os.sep, "/")
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _split(glob: str) -> tuple[str, bool, bool]:
    """Return a glob without slashes at its ends, and whether there was one at each end."""
    text = _normal(glob)
    inner = text.removeprefix("./").removeprefix("/") if text[:1] in "./" else text
    return inner.rstrip("/"), inner != text, inner.endswith("/")


def _path_regex(text: str, *, is_anchored: bool) -> str:
    *above, last = text.split("/")
    regex = ""
    for at, part in enumerate([*above, last]):
        star = "[^/]*" if is_anchored and at == 0 else ".*"
        if at == len(above):
            regex += _regex(part, star)
        else:
            regex += "(?:.*/)?" if part == "**" else f"{_regex(part, star)}/"
    return regex


def _regex(part: str, star: str = ".*") -> str:
    """Return the regular expression for a glob's part; `star` is that for a single `*`."""
    return "".join(_token_regex(token, star) for token in _TOKEN.findall(part))


def _token_regex(token: str, star: str) -> str:
    if token.startswith("*"):
        return star if token == "*" else ".*"
    if token == "?":
        return "[^/]"
    if len(token) == 1:
        return re.escape(token)
    # What `fnmatch` makes of a character class, without what it puts around each glob.
    found = re.fullmatch(r"\(\?s:(.*)\)\\[Zz]", fnmatch.translate(token), re.DOTALL)
    assert found
    return f"(?!/){found[1]}"


def glob_fault(glob: str, *, for_folders: bool) -> str:
    """Return in words why a glob can't match what it is meant to, and what is right; "" if it can.

    Args:
        for_folders: whether it is also compared with folders: it is one of `exclude`.
    """
    text = glob.replace(os.sep, "/")
    bare = _CLASS.sub("", text)
    if text != text.strip():
        right = [glob.strip()]
        return f"has white space around it{_instead(right)} (a space in a name is [ ])"
    if _URL.match(text) or os.path.splitdrive(glob)[0] or text == "~" or text.startswith("~/"):
        return 'is a full path; right is the path below the SOURCE, such as "/private"'
    if text.startswith("!"):
        how = f'in a name it is "**/{shortened(text)}"'
        return f'"!" does not turn it round; include and exclude are settings of their own ({how})'
    if any("," in one or ".." in one for one in _BRACES.findall(bare)):
        right = [*islice(_alternatives(_RANGE.sub(r"[\1-\2]", text)), _MAX_SUGGESTED + 1)]
        right = [] if any(".." in one for one in right) else right
        return f"braces are no part of globs{_instead(right)} (a brace in a name is [{{])"
    if "," in bare:
        right = [part.strip() for part in text.split(",") if part.strip()]
        return f"a comma does not separate globs{_instead(right)} (a comma in a name is [,])"
    return _path_fault(text) or ("" if for_folders else _picture_fault(text))


def _path_fault(text: str) -> str:
    """Return what is wrong with a glob as a path; "" if nothing is."""
    inner, is_anchored, is_for_folders = _split(text)
    parts = inner.split("/")
    if not {"", ".", ".."} & set(parts):
        if any(_EMPTY_CLASS in _regex(part) for part in parts):
            return "has a range in brackets that goes from a later to an earlier character"
        return ""
    right = os.path.normpath(inner).replace(os.sep, "/").lstrip("/")
    if ".." in right.split("/") or right == ".":
        return 'is not below the SOURCE; right is the path below it, such as "/private"'
    begin, end = "/" if is_anchored or "/" not in right else "", "/" if is_for_folders else ""
    return f"is no path below a SOURCE; right is {_quoted([f'{begin}{right}{end}'])}"


def _picture_fault(text: str) -> str:
    """Return what is wrong with a glob that no name of a picture can match; "" if one can."""
    inner, is_anchored, is_for_folders = _split(text)
    name = inner.rpartition("/")[2]
    if not is_for_folders and any(_can_end_in(ending, name) for ending in _ENDINGS):
        return ""
    if not is_anchored and f".{inner.lstrip('.').lower()}" in _ENDINGS:
        return f'matches no picture; right is "*.{inner.lstrip(".")}"'
    above = "/" if is_anchored else "" if "/" in inner else "**/"
    right = _quoted([f"{above}{inner}/*"])
    return f"matches no picture; those in a folder of this name are {right}"


def _can_end_in(ending: str, part: str) -> bool:
    """Return whether a glob's part matches a name that ends so and has more than its ending."""
    tokens = _TOKEN.findall(part)
    for char in reversed(ending):
        if not tokens:
            return False
        token = tokens.pop()
        if token.startswith("*"):
            return True
        if not matches_name(token, char):
            return False
    return bool(tokens)


def misplaced_glob(glob: str, folders: Iterable[str]) -> str:
    """Return in words that a glob is a path from elsewhere than a SOURCE, and what is right; or "".

    It is one if it leads into a SOURCE from the root of the file system or from the working
    directory, or if it begins like a path from that root: at two parts or more, with a folder
    that is there and in no SOURCE. What is there in a SOURCE is what is meant.

    Args:
        folders: the SOURCEs that are folders on disk.
    """
    text, is_anchored, is_for_folders = _split(glob)
    parts, folders = text.split("/"), [*folders]

    def is_there(*names: str) -> bool:
        return any(os.path.lexists(os.path.join(folder, *names)) for folder in folders)

    for folder in folders:
        spelled = os.path.normpath(folder)
        places = [os.path.abspath(folder), os.path.realpath(folder)] if is_anchored else []
        for place in [*places, spelled]:
            above = [part for part in _normal(place).split("/") if part]
            inner = "/".join(parts[len(above) :])
            is_below = [*map(str.lower, parts[: len(above)])] == [*map(str.lower, above)]
            if above and is_below and (inner or place != spelled) and not is_there(*above):
                right = _quoted([f"/{inner}{'/' * is_for_folders}"])
                how = f"right is {right}" if inner else "it is the SOURCE itself"
                return f"is compared with the path below {shortened(folder)}; {how}"
    is_from_root = is_anchored and len(parts) > 1 and os.path.lexists(f"{os.sep}{parts[0]}")
    if folders and is_from_root and not is_there(parts[0]):
        meant = os.path.join(folders[0], text)
        return (
            f'is compared with the path below the SOURCE; right is one such as "/private" '
            f"({_quoted([text])} if {shortened(meant)} is meant)"
        )
    return ""


def _alternatives(glob: str) -> Iterator[str]:
    """Yield what a shell makes of a glob with braces."""
    found = next((one for one in _BRACES.finditer(glob) if "," in one[1]), None)
    if not found:
        yield glob
        return
    for one in found[1].split(","):
        yield from _alternatives(glob[: found.start()] + one + glob[found.end() :])


def _instead(right: list[str]) -> str:
    if not right:
        return ""
    more = ", ..." if len(right) > _MAX_SUGGESTED else ""
    each = ", each on its own" if len(right) > 1 else ""
    return f"; right is {_quoted(right[:_MAX_SUGGESTED])}{more}{each}"


def _quoted(globs: Iterable[str]) -> str:
    return ", ".join(f'"{shortened(glob)}"' for glob in globs)
