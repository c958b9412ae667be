"""Markdown as it is shown on a terminal: what stands in a help page, and how it looks there."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from thumbnailer.cli.output.markdown import render


def plain(text: str, width: int = 80) -> str:
    """Markdown as it is shown where there is nothing bold."""
    return re.sub(".\b", "", render(text, width))


TEXT = """\
# watch: keep folders current

A paragraph of which the lines
are joined, with **bold words**, `inline code` and a \\*.

## `--settle`

- An item that goes on in
  a second line.
  - One below it.
- Another.

1. First.

    indented code   stays

```toml
size = "a rather long line of code that is wider than a terminal of 40 columns"

fenced = true
```
<!-- a mark -->
Text.
"""

SHOWN = """\
watch: keep folders current

  A paragraph of which the lines are
  joined, with bold words, `inline code`
  and a *.

--settle

  - An item that goes on in a second
    line.
    - One below it.
  - Another.

  1. First.

      indented code   stays

      size = "a rather long line of code that is wider than a terminal of 40 columns"

      fenced = true
  Text.
"""


def test_blocks() -> None:
    assert plain(TEXT, 40) == SHOWN


def test_short_code_stays_on_one_line() -> None:
    assert plain("Words and then `thumbnailer help watch`.\n", 32) == (
        "  Words and then\n  `thumbnailer help watch`.\n"
    )


def test_bold_is_overstruck_in_headings_and_where_it_is_marked() -> None:
    assert render("# A b\n\nc **d** `e`\n", 80) == "A\bA b\bb\n\n  c d\bd `e`\n"


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("[watch](watch.md)", "watch"),
        ("[`watch`](watch.md#health)", "`watch`"),
        ("[the health file](watch.md#health)", "the health file (thumbnailer help watch)"),
        ("[below](#health)", "below"),
        ("[a tool](https://example.org/a_b)", "a tool (https://example.org/a_b)"),
        ("[https://example.org](https://example.org)", "https://example.org"),
        ("[the table](../cli/options.py)", "the table (thumbnailer/cli/options.py)"),
    ],
)
def test_a_link_says_where_it_leads(link: str, shown: str) -> None:
    assert plain(f"See {link}, and on.\n") == f"  See {shown}, and on.\n"


def test_a_table_has_columns_as_wide_as_they_need() -> None:
    table = r"""
| option | about | count |
|---|---|--:|
| `--truncated fail\|keep` | what to do with a truncated picture, such as `keep` | 1 |
| `-s`, `--size` | the box in px | 1,000 |
| the extra `s3` | buckets | 20 |
"""
    assert plain(table, 60) == (
        "  option                 about                         count\n"
        "  --truncated fail|keep  what to do with a truncated       1\n"
        "                         picture, such as `keep`\n"
        "  -s, --size             the box in px                 1,000\n"
        "  the extra `s3`         buckets                          20\n"
    )


def test_a_table_too_wide_for_columns_is_a_list() -> None:
    table = """
| option | meaning | default |
|---|---|---|
| `--output DIR` | a tree in DIR that mirrors the source | a folder beside each picture |
| `--force` | make every thumbnail anew | |
"""
    assert plain(table, 60) == (
        "  option, meaning, default\n"
        "\n"
        "  --output DIR\n"
        "      a tree in DIR that mirrors the source\n"
        "      default: a folder beside each picture\n"
        "\n"
        "  --force\n"
        "      make every thumbnail anew\n"
    )


ODD = [
    *(
        "",
        "|",
        "| a",
        "| a\n|",
        "||\n|-|",
        "| a |\n|-|\n| b | c | d |",
        f"| {'x' * 90} |",
        "| `a",
        "> q",
    ),
    *("**", "`", "[a](b", "```\ncode", "<!-- mark", "- ", "1. ", "# ", "\ttab", "a\r\nb", "\\"),
]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("width", [1, 80])
def test_no_letter_is_lost_of_what_is_not_quite_markdown(text: str, width: int) -> None:
    letters = re.sub(r"<!--.*", "", text)
    assert Counter(re.findall(r"\w", letters)) == Counter(re.findall(r"\w", plain(text, width)))
