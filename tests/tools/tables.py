"""Write the generated parts of the README and the help pages, from the code that they tell of.

    python -m tests.tools.tables

Such a part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from support.pages import HELP, TEXTS, page
from support.project import CONTAINERFILE

from thumbnailer.cli.help.pages import page_titles
from thumbnailer.cli.help_format import EXIT_CODES
from thumbnailer.cli.options import COMMANDS, long_name
from thumbnailer.config.settings import KEYS, Settings
from thumbnailer.formats import FORMATS, ON_REQUEST, READ, WRITTEN, Format, in_words

_PART = re.compile(r"(<!-- generated: ([\w ]+) -->\n).*?(?=<!-- end -->)", re.DOTALL)

# The options of `make` that most people need, for the README.
_COMMON = (
    *("--size", "--format", "--quality", "--output", "--fit", "--[no-]recursive", "--include"),
    *("--exclude", "--jobs", "--config", "--dry-run", "--force", "--json"),
)

_READ_HOW = {
    "always": "yes",
    "on request": "with `--also {name}`",
    "by extra": "with the extra `{name}`",
}

# The cases of the benchmark that the README leaves to the help.
_SPECIAL_CASES = re.compile(r"five|512|2048|alpha|lossless|GIF|HEIC|PNG → 1024|→ PNG|→ WebP")

# Formats whose names are no abbreviations.
_NAMES = {
    "webp": "WebP",
    "jpeg2000": "JPEG 2000",
    "jxl": "JPEG XL",
    "psd": "PSD (Photoshop)",
    "heif": "HEIC, HEIF",
    "raw": "raw (cameras)",
}


def filled(text: str) -> str:
    """A page with its generated parts as they should be."""
    return _PART.sub(lambda found: f"{found[1]}\n{_part(found[2])}\n", text)


def _part(name: str) -> str:
    if name.startswith("options of"):
        return _options_of(name.split()[-1])
    return {
        "formats": _formats,
        "extras": _extras,
        "common options": _common_options,
        "exit codes": _exit_codes,
        "settings": _settings,
        "pages": _pages,
        "benchmark": _benchmark,
        "unit": lambda: _unit("thumbnailer.service"),
        "timer": lambda: _unit("thumbnailer-make.timer"),
        "containerfile": _containerfile,
    }[name]()


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Columns of numbers are set flush right."""
    rows = [list(row) for row in rows]
    columns = zip(*rows, strict=True)
    rules = ["--:" if re.fullmatch(r"[\d., ]+", " ".join(cells)) else "---" for cells in columns]
    return "".join(f"| {' | '.join(row)} |\n" for row in (heads, rules, *rows))


def _rows(command: str) -> dict[str, dict[str, str]]:
    """The options of a command and their help, by group; as in the table of options."""
    return {
        title: {usage: about for usage, about in options.items() if "--help" not in usage}
        for title, options in COMMANDS[command].groups.items()
    }


def _code(usage: str) -> str:
    return ", ".join(f"`{part}`" for part in usage.split(", "))


def _options_of(command: str) -> str:
    """All options of `make` and `clean`; of others, which take settings, what `make` has not so."""
    groups = _rows(command)
    if command == "make":
        return "\n".join(
            f"**{title.capitalize()}**\n\n{_option_table(options)}"
            for title, options in groups.items()
        )
    pairs = [pair for options in groups.values() for pair in options.items()]
    if command == "clean":
        return _option_table(dict(pairs))
    make = [pair for options in _rows("make").values() for pair in options.items()]
    own = {long_name(usage).replace("[no-]", "") for usage, _ in pairs}
    lacking = [long_name(usage) for usage, _ in make]
    lacking = [name for name in lacking if name.replace("[no-]", "") not in own]
    names = in_words(f"`{name}`" for name in lacking if name.startswith("-"))
    also = f"It also takes all options of [make](make.md#options) but {names}.\n"
    table = _option_table(dict(pair for pair in pairs if pair not in make))
    return f"{table}\n{also}"


def _option_table(options: Mapping[str, str]) -> str:
    cells = ([_code(usage), _cell(about)] for usage, about in options.items())
    return _table(["option", "meaning"], cells)


def _cell(text: str) -> str:
    return re.sub(r"'(.*?)'", r"`\1`", text.replace("|", r"\|"))


def _formats() -> str:
    rows = (
        [
            _name(one),
            " ".join(f"`{ending}`" for ending in one.read_endings),
            _READ_HOW[one.read].format(name=one.name)
            + (f" and the extra `{one.extra}`" if one.extra else ""),
            "" if one.options is None else "with the extra" if one.module else "yes",
            ", ".join(f"`--{option}`" for option in one.options or ()),
            str(one.quality or ""),
        ]
        for one in FORMATS
    )
    heads = ["format", "endings", "read", "written", "its options", "default quality"]
    return _table(heads, rows)


def _name(one: Format) -> str:
    return _NAMES.get(one.name, one.name.upper())


def _names(formats: Iterable[Format]) -> str:
    return in_words(map(_name, formats))


def _extras() -> str:
    requested = [one for one in FORMATS if one.name in ON_REQUEST]
    own = [one for one in WRITTEN.values() if not one.module]
    also = f"`--also {','.join(ON_REQUEST)}`"
    rows = {
        "nothing more": f"reads {_names(READ)}; writes {_names(own)}",
        f"{also}, or some of these": f"reads {_names(requested)} too; SVG with the extra `vips`",
        "extra `formats`, or `heif`, `jxl`, `raw` and `vips`": (
            "reads HEIC, JPEG XL, and raw pictures of cameras; writes JPEG XL; `vips` reads SVG, "
            "and TIFFs of colours in floats or signed values, of 16-bit grey with alpha, of CMYK "
            "with alpha, and of WebP"
        ),
        "extra `fast`, or `png` and `simd`": (
            "large thumbnails in half the time (`simd`), and those of many PNG pictures (`png`)"
        ),
        "extra `sandbox`": "on Linux, workers give up all rights but reading (Landlock)",
        "extra `s3`": "pictures and thumbnails in buckets",
        "extra `ray`": "many machines, as a Ray cluster",
        "extra `completion`": "completion scripts for shells from `thumbnailer completion`",
        "extra `all`": "all of these",
    }
    return _table(["with", "you get"], rows.items())


def _common_options() -> str:
    usages = {
        long_name(usage): (usage, about)
        for options in _rows("make").values()
        for usage, about in options.items()
    }
    return _option_table(dict(usages[name] for name in _COMMON))


def _exit_codes() -> str:
    return _table(["code", "meaning"], EXIT_CODES.items())


def _settings() -> str:
    """Each setting as `thumbnailer config` prints it."""
    defaults = re.findall(r"^(\w+) = (.*)$", Settings().to_toml(), re.MULTILINE)
    return _table(
        ["setting", "default", "meaning"],
        (
            [f"`{name}`", f"`{default}`", _cell(KEYS[name].metadata["about"].rstrip(":"))]
            for name, default in defaults
        ),
    )


def _pages() -> str:
    titles = page_titles().items()
    rows = ([f"[{name}](thumbnailer/help/{name}.md)", about] for name, about in titles)
    return _table(["page", "what for"], rows)


def _benchmark() -> str:
    """Of the first table of the page `performance`, what most people want to know."""
    before, _, _ = page("performance").partition("### Where others are ahead")
    table = re.findall(r"^\|.*\|$", before, re.MULTILINE)
    heads, _, *rows = ([cell.strip() for cell in line[1:-1].split("|")] for line in table)
    kept = [at for at, head in enumerate(heads) if head not in ("ours, plain", "before")]
    chosen = [row for row in rows if not _SPECIAL_CASES.search(row[0])]
    return _table([heads[at] for at in kept], ([row[at] for at in kept] for row in chosen))


def _unit(name: str) -> str:
    return f"```ini\n{(HELP / name).read_text()}```\n"


def _containerfile() -> str:
    return f"```dockerfile\n{CONTAINERFILE.read_text()}```\n"


def main() -> None:
    for path, text in TEXTS.items():
        if filled(text) != text:
            path.write_text(filled(text))


if __name__ == "__main__":
    main()
