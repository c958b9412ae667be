"""The help pages: the Markdown files in thumbnailer/help, found by a word and shown in a pager."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from thumbnailer.cli.help_format import EXIT_OK, text_width
from thumbnailer.cli.output.markdown import render
from thumbnailer.errors import ConfigError, ThumbnailError, closest_match, shortened

_FOLDER = Path(__file__).parents[2] / "help"

PAGES = (
    "make",
    "watch",
    "gallery",
    "status-verify-prune",
    "library",
    "hosts",
    "configuration",
    "output",
    "formats",
    "formats-and-colour",
    "reliability",
    "buckets",
    "cluster",
    "performance",
    "service",
    "troubleshooting",
    "upgrading",
)


def show_help(word: str | None) -> int:
    """Show the page that a word leads to, or without one the list of pages; return the exit code.

    Raises:
        ConfigError: the word leads to no page.
        ThumbnailError: the pages can't be read.
    """
    if word:
        return _show_in_pager(render(_read(find_page(word)), text_width()))
    width = max(map(len, PAGES))
    pages = [f"  {name:<{width}}  {about}" for name, about in page_titles().items()]
    print("Help pages, each shown by `thumbnailer help PAGE`:\n", *pages, sep="\n")
    print("\nThe options of a command are listed by `thumbnailer COMMAND --help`.")
    return EXIT_OK


def page_titles() -> dict[str, str]:
    """Return what each page is about, by its name: from its first line, `# watch: keep ...`.

    Raises:
        ThumbnailError: the pages can't be read.
    """
    first_lines = {name: _read(name).partition("\n")[0] for name in PAGES}
    return {name: re.sub("^# (.*?: )?", "", line) for name, line in first_lines.items()}


def find_page(word: str) -> str:
    """Return the name of the page that a word leads to.

    It is the name, a part of it such as `verify`, or its beginning; or the page has it in a heading
    or, if it is an option, at the beginning of a row of a table.

    Raises:
        ConfigError: it leads to no page.
        ThumbnailError: the pages can't be read.
    """
    word = word.lower()
    words = {part: name for name in PAGES for part in name.split("-")} | {
        name: name for name in PAGES
    }
    begun = [name for name in PAGES if name.startswith(word)]
    if word in words or len(begun) == 1:
        return words.get(word) or begun[0]
    place = r"(?:##+ .*|\| [^|]*)" if word.startswith("-") else "##+ .*"
    sought = re.compile(rf"^{place}(?<!\w){re.escape(_switch(word))}(?![\w-])", re.M | re.I)
    for name in PAGES:
        if sought.search(_switch(_read(name))):
            return name
    close = closest_match(word, [*words])
    hint = f"did you mean {close}?" if close else f"there are {', '.join(PAGES)}"
    raise ConfigError(f"there is no help page {shortened(word)}; {hint}")


def _switch(text: str) -> str:
    """Return text with `--upscale` for `--no-upscale` and `--[no-]upscale`."""
    return re.sub(r"--(?:no-|\[no-\])", "--", text)


def _read(name: str) -> str:
    try:
        return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
    except OSError as error:  # as where the program is in a zip file
        raise ThumbnailError(f"can't read {error.filename}: {error.strerror}") from None


def _show_in_pager(text: str) -> int:
    import pydoc  # takes 20 ms

    # A pager handles Ctrl-C itself. To end with it would leave the pager behind on the terminal.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        pydoc.pager(text)
    except KeyboardInterrupt:  # where there is neither less nor more
        return 128 + signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, previous)
    return EXIT_OK
