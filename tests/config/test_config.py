"""Settings: where they come from, which one counts, and what is said about wrong ones."""

from __future__ import annotations

import dataclasses
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.pictures import picture
from support.program import in_a_process, make, thumbnailer
from support.project import PROJECT

from thumbnailer import ConfigError, Settings
from thumbnailer.config.settings import CHECKS, KEYS


def test_the_project_s_config_toml_is_what_the_code_prints() -> None:
    assert (
        (PROJECT / "config.toml").read_text() == thumbnailer("config").out == Settings().to_toml()
    )


def test_it_holds_every_key_with_its_default_and_a_comment() -> None:
    text = (PROJECT / "config.toml").read_text()
    values = tomllib.loads(text)
    # Tables can't be empty: an example in a comment stands for them.
    assert set(values) == {item.name for item in dataclasses.fields(Settings)} - {"sizes"}
    assert Settings(**values) == Settings()
    lines = text.splitlines()
    for key in values:
        at = next(n for n, line in enumerate(lines) if line.startswith(f"{key} = "))
        assert lines[at - 1].startswith("# ")


@pytest.mark.parametrize("key", sorted(KEYS.keys() - {"sizes"}))
def test_a_default_is_possible_and_as_it_would_be_kept(key: str) -> None:
    default = KEYS[key].default
    kept = CHECKS[key](default)
    assert (type(kept), kept) == (type(default), default)


def test_printed_settings_come_back_as_they_were(tmp_path: Path) -> None:
    options = ["-s", "10x20", "-f", "webp", "-q", "7", "-j", "3", "--no-recursive"]
    options += ["--include", 'a"\\*', "--include", "é\x7f*", "--exclude", "b", "-o", "out dir"]
    options += ["--timeout", "1.5", "--max-pixels", "1000", "--truncated", "keep"]
    first = thumbnailer("config", *options).out
    (tmp_path / "c.toml").write_text(first)
    assert thumbnailer("config", "-c", tmp_path / "c.toml").out == first
    assert tomllib.loads(first)["include"] == ['a"\\*', "é\x7f*"]


def test_the_command_line_beats_the_file_and_the_file_the_defaults(photos: Path) -> None:
    picture(photos / "a.bmp", (400, 400))
    config = photos / "c.toml"
    config.write_text('size = 50\nformat = "png"\n')
    make(photos, "-c", config, "-s", "60")
    with Image.open(photos / "thumbs" / "a.bmp.png") as thumbnail:
        assert thumbnail.size == (60, 60)


def test_no_file_is_read_unasked(photos: Path) -> None:
    picture(photos / "a.jpg")
    (photos / "config.toml").write_text("nonsense")
    assert make(".", cwd=photos).code == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("qualty = 80", "c.toml:1: qualty = 80: there is no such setting; did you mean quality?"),
        ("zzz = 1", "c.toml:1: zzz = 1: there is no such setting; the settings are size, format"),
        ("quality = 101", "c.toml:1: quality = 101: must be a whole number from 1 to 100"),
        ('quality = "80"', 'c.toml:1: quality = "80": must be a whole number from 1 to 100'),
        ("quality = true", "c.toml:1: quality = true: must be a whole number from 1 to 100"),
        ("size = 0", "c.toml:1: size = 0: must be 256,"),
        ("size = [1, 2, 3]", "c.toml:1: size = [1, 2, 3]: must be 256,"),
        ('format = "tiff"', 'c.toml:1: format = "tiff": must be "jpeg", "png", "webp"'),
        ("jobs = 0", "c.toml:1: jobs = 0: must be"),
        ("recursive = 1", "c.toml:1: recursive = 1: must be true or false"),
        ('include = "*.jpg"', 'c.toml:1: include = "*.jpg": must be a list of globs'),
        ("include = [1]", "c.toml:1: include = [1]: must be a list of globs"),
        ('exclude = [""]', 'c.toml:1: exclude = [""]: must be a list of globs'),
        ("timeout = 0", "c.toml:1: timeout = 0: must be a number of seconds above 0"),
        ('truncated = "maybe"', 'c.toml:1: truncated = "maybe": must be "fail" or "keep"'),
        (
            'previews = "often"',
            'c.toml:1: previews = "often": must be "trust", "verify" or "never"',
        ),
        ("output = 7", "c.toml:1: output = 7: must be the path of a folder"),
        ("[size]\nsmall = 1", 'c.toml:1: size = {"small": 1}: must be 256,'),
        ("size = ", "c.toml:1: size =: is not valid TOML: Invalid value"),
        ("[size", "c.toml:1: [size: is not valid TOML: Expected ']'"),
        ("format = webp", 'c.toml:1: format = webp: did you mean `format = "webp"`?'),
        ("# ours\nsize = 256x192", 'c.toml:2: size = 256x192: did you mean `size = "256x192"`?'),
        ("quality: 80", "c.toml:1: quality: 80: did you mean `quality = 80`?"),
        ('fit: "pad"', 'c.toml:1: fit: "pad": did you mean `fit = "pad"`?'),
        ("recursive = True", "c.toml:1: recursive = True: did you mean `recursive = true`?"),
        ("include = *.jpg", 'c.toml:1: include = *.jpg: did you mean `include = ["*.jpg"]`?'),
        (
            r'output = "C:\Users\me"',
            r"""c.toml:1: output = "C:\Users\me": did you mean `output = 'C:\Users\me'`?""",
        ),
        ("size = 10\nsize = 20", "c.toml:2: size = 20: is set before"),
        ("size = 10\n\n'quality' = 0", "c.toml:3: quality = 0: must be"),
        (f"quality = {'9' * 5000}", "c.toml: is not valid TOML: "),
        (f"size = {'[' * 5000}", "c.toml: is not valid TOML: "),
        ("timeout = 1e12", "c.toml:1: timeout = 1000000000000.0: must be a number of seconds"),
        (f"timeout = {'9' * 400}", "c.toml:1: timeout = 9999"),
    ],
)
def test_a_wrong_file_is_one_line_with_file_line_key_value_and_what_is_right(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "c.toml").write_text(text)
    run = thumbnailer("make", ".", "--config", "c.toml", cwd=tmp_path)
    assert run.code == 2
    assert run.err.startswith(f"thumbnailer: {complaint}")
    assert run.err.count("\n") == 1


ODD_VALUES: list[Any] = [
    *([["a"]], [{}], [None], [[]], {"a": [[]]}, {"a": {"size": [[]]}}, {1: 2}, {"a": {"fit": []}}),
    *(None, object(), 1j, b"\xff", float("nan"), float("inf"), -1, (), ((),), {()}, "\0", "\ud800"),
]


@pytest.mark.parametrize("key", KEYS)
def test_no_value_is_so_odd_that_it_is_not_refused_in_words(key: str) -> None:
    for value in ODD_VALUES:
        with suppress(ConfigError):
            Settings(**{key: value})


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbfquality = 7\n")
    assert "quality = 7" in thumbnailer("config", "-c", tmp_path / "c.toml").out


def test_printed_settings_are_utf_8_wherever_they_are_printed() -> None:
    run = in_a_process("config", "-o", "caf\u00e9", LC_ALL="C", PYTHONIOENCODING="latin-1")
    assert 'output = "caf\u00e9"' in run.out
    run = thumbnailer("config", "-o", "caf\udcff")
    assert (run.code, run.err) == (
        2,
        "thumbnailer: --output: TOML holds no path that is not valid UTF-8\n",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_file_may_be_written_as_windows_does(tmp_path: Path, encoding: str) -> None:
    text = 'output = "caf\u00e9"\r\n[sizes.small]\r\nsize = "128"\r\n'
    mark = "\ufeff" if encoding == "utf-16-be" else ""  # which Python writes for the others
    (tmp_path / "c.toml").write_bytes((mark + text).encode(encoding))
    printed = in_a_process("config", "-c", tmp_path / "c.toml").out
    assert 'output = "caf\u00e9"' in printed
    assert "[sizes.small]" in printed


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    run = thumbnailer("make", ".", "-c", "nowhere.toml", cwd=tmp_path)
    assert (run.code, run.err) == (
        2,
        "thumbnailer: nowhere.toml: no such file; `thumbnailer config` prints one to start from\n",
    )


def test_the_library_says_the_same() -> None:
    with pytest.raises(
        ConfigError, match=r"^quality = 0: must be a whole number from 1 to 100, or"
    ):
        Settings(quality=0)
    with pytest.raises(ValueError, match="size"):
        Settings(size=(0, 10))


@pytest.mark.parametrize("output", ["/", "//", "/usr/..", "link"])
def test_the_output_must_not_be_the_root_of_the_file_system(tmp_path: Path, output: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("/")
    for command in ("make", "prune"):
        run = thumbnailer(command, "empty", "-o", output, cwd=tmp_path)
        complaint = f"--output {output}: is the root of the file system"
        assert (run.code, run.err) == (2, f"thumbnailer: {complaint}\n")
    with pytest.raises(ConfigError, match=r"^output = '/': is the root of the file system$"):
        Settings(output="/")


@pytest.mark.parametrize("size", [(256, 192), "256x192", [256, 192], "256X192", " 256x192 "])
def test_sizes_have_many_spellings(size: str) -> None:
    assert Settings(size=size) == Settings(size="256x192")


def test_a_free_side() -> None:
    assert Settings(size=(256, None)) == Settings(size="256x")
    assert Settings(size=(None, 192)) == Settings(size="x192")
    assert Settings(size=256) == Settings(size="256") == Settings()


def test_a_program_reads_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('size = 64\nformat = "webp"\n[sizes.small]\nsize = 32\n')
    settings = Settings.from_file(path)
    assert settings == Settings(size=64, format="webp", sizes={"small": 32})
    assert Settings.from_file(str(path)) == settings
    (tmp_path / "all.toml").write_text(settings.to_toml())
    assert Settings.from_file(tmp_path / "all.toml") == settings
    for text, words in (("size = 0", "size = 0: must be"), ("a =", "a =: is not valid TOML")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=f"{path}:1: {words}"):
            Settings.from_file(path)
    with pytest.raises(ConfigError, match="no such file"):
        Settings.from_file(tmp_path / "missing.toml")


def test_a_program_has_settings_of_its_own_configuration() -> None:
    assert Settings.from_mapping({"size": 64, "keep": ["icc"]}) == Settings(size=64, keep=("icc",))
    assert Settings.from_mapping({}) == Settings()
    for values, words in (
        ({"qualty": 3}, "qualty = 3: there is no such setting; did you mean quality"),
        ({"size": 0}, "size = 0: must be"),
        ({5: 5}, "5 = 5: there is no such setting"),
        (["size"], "must be a mapping of settings"),
    ):
        with pytest.raises(ConfigError, match=words):
            Settings.from_mapping(values)  # type: ignore[arg-type]
