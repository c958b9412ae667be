"""`--layout freedesktop`: thumbnails where file managers look for them."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from support.pictures import files_below, picture
from support.program import Run, thumbnailer

from thumbnailer import ConfigError, Settings, watch
from thumbnailer.config.overrides import merge_settings

needs_gio = pytest.mark.skipif(not shutil.which("gio"), reason="needs gio (libglib2.0-bin)")
LAYOUT = ("--layout", "freedesktop")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "thumbnails"


def run(*arguments: str | Path, cache: Path) -> Run:
    return thumbnailer("make", "--json", *LAYOUT, *arguments, XDG_CACHE_HOME=str(cache.parent))


def gio(path: Path | str, cache: Path) -> dict[str, str]:
    """What a file manager's own reader says of a file's thumbnail."""
    said = subprocess.run(
        ["gio", "info", "-a", "thumbnail::*,standard::name", path],
        env=os.environ | {"XDG_CACHE_HOME": str(cache.parent), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout.decode(errors="surrogateescape")
    rows = (line.strip().partition(": ") for line in said.splitlines() if "::" in line)
    return {key: value for key, _, value in rows}


@needs_gio
@pytest.mark.parametrize(
    ("size", "folder"), [(128, "normal"), (256, "large"), (512, "x-large"), (1024, "xx-large")]
)
@pytest.mark.few(1)
def test_a_file_manager_finds_and_accepts_it(
    photos: Path, cache: Path, size: int, folder: str
) -> None:
    source = picture(photos / "a.jpg", (1200, 900))
    assert run(photos, "--size", str(size), cache=cache).summary["made"] == 1
    said = gio(source, cache)
    assert said["thumbnail::is-valid"] == "TRUE"
    made = Path(said["thumbnail::path"])
    assert made.parent == cache / folder
    with Image.open(made) as image:
        assert image.size == (size, size * 3 // 4)
    os.utime(source, (1, 1))
    assert gio(source, cache).get("thumbnail::is-valid", "FALSE") == "FALSE"
    run(photos, "--size", str(size), cache=cache)
    assert gio(source, cache)["thumbnail::is-valid"] == "TRUE"


@needs_gio
@pytest.mark.parametrize(
    "name",
    [
        *("a b.jpg", "é.jpg", "100%;#?.jpg", "!*'()$&,=+:@~.jpg", "n\nl.jpg"),
        *('[{|}]^`<>\\".jpg', "\udcff\udcfe.jpg"),
    ],
)
@pytest.mark.few(1)
def test_uris_are_those_of_glib(photos: Path, cache: Path, name: str) -> None:
    source = picture(photos / "dir with space" / name)
    run(photos, cache=cache)
    assert gio(source, cache)["thumbnail::is-valid"] == "TRUE"


def test_what_a_thumbnail_says(photos: Path, cache: Path) -> None:
    source = picture(photos / "a b.jpg")
    os.utime(source, ns=(0, 1_700_000_000_999_999_999))
    run(photos, cache=cache)
    uri = f"file://{photos}/a%20b.jpg"
    made = cache / "large" / f"{hashlib.md5(uri.encode()).hexdigest()}.png"
    with Image.open(made) as image:
        assert image.info == {
            "Thumb::URI": uri,
            "Thumb::MTime": "1700000000",
            "Thumb::Size": str(source.stat().st_size),
            "Software": "thumbnailer",
        }
    assert files_below(cache) == {f"large/{made.name}"}
    assert not list(cache.rglob(".thumbnailer"))


def test_nobody_else_may_look_into_it(photos: Path, cache: Path) -> None:
    picture(photos / "a.jpg")
    (photos / "b.jpg").write_bytes(b"no picture")
    run(photos, cache=cache)
    modes = {
        "folder" if path.is_dir() else "file": stat.S_IMODE(path.stat().st_mode)
        for path in [cache, *cache.rglob("*")]
    }
    assert modes == {"folder": 0o700, "file": 0o600}


@pytest.mark.slow
def test_what_is_current_is_left_alone_by_whomever_it_was_made(photos: Path, cache: Path) -> None:
    picture(photos / "a.jpg")
    run(photos, cache=cache)
    (made,) = cache.rglob("*.png")
    with Image.open(made) as image:
        text = {str(key): str(value) for key, value in image.info.items() if key != "Thumb::Size"}
    info = PngInfo()
    for key, value in text.items():
        info.add_text(key, "somebody else" if key == "Software" else str(value))
    Image.new("RGB", (7, 5)).save(made, pnginfo=info)
    again = run(photos, cache=cache)
    assert again.summary["current"] == 1
    assert again.rows[0]["thumbnails"][0]["width"] == 7
    assert run(photos, "--force", cache=cache).summary["made"] == 1


def test_a_picture_that_changed_within_a_second_is_made_again(photos: Path, cache: Path) -> None:
    """Its length differs, and times have whole seconds here."""
    for size in ((90, 60), (60, 90)):
        picture(photos / "a.bmp", size)
        with (photos / "a.bmp").open("ab") as file:
            file.write(bytes(size[0]))
        os.utime(photos / "a.bmp", (1000, 1000))
        assert run(photos, cache=cache).summary["made"] == 1
        assert run(photos, cache=cache).summary["current"] == 1
    (made,) = cache.rglob("*.png")
    with Image.open(made) as image:
        assert image.size == (60, 90)


def test_what_failed_is_tried_again_with_other_limits(photos: Path, cache: Path) -> None:
    picture(photos / "a.jpg", (90, 60))
    options = ("--max-pixels", "1000")
    assert run(photos, *options, cache=cache).summary["failed"] == 1
    assert "failed before" in run(photos, *options, cache=cache).rows[0]["error"]["reason"]
    assert run(photos, cache=cache).summary["made"] == 1
    assert not any(name.startswith("fail") for name in files_below(cache))


@pytest.mark.parametrize("value", ["relative/cache", "", None])
def test_a_cache_that_is_no_full_path_is_left_aside(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    picture(photos / "a.jpg")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.chdir(photos)
    assert thumbnailer("make", *LAYOUT, photos).code == 0
    (made,) = tmp_path.rglob("*.png")
    assert made.parent == tmp_path / "home" / ".cache" / "thumbnails" / "large"


@pytest.mark.slow
def test_what_can_t_be_read_is_written_down(photos: Path, cache: Path) -> None:
    (photos / "a.jpg").write_bytes(b"some text")
    assert run(photos, cache=cache).summary["failed"] == 1
    (entry,) = files_below(cache)
    assert entry.startswith("fail/thumbnailer-1/")
    with Image.open(cache / entry) as image:
        image.load()
        assert image.info["Thumb::URI"] == f"file://{photos}/a.jpg"
    again = run(photos, cache=cache)
    assert again.rows[0]["error"]["reason"].startswith("is text, no picture (failed before")
    assert run(photos, "--retry-failed", cache=cache).rows[0]["error"]["reason"] == (
        "is text, no picture"
    )
    picture(photos / "a.jpg")
    assert run(photos, cache=cache).summary["made"] == 1
    assert not any(name.startswith("fail") for name in files_below(cache))


def test_several_sizes_at_once(photos: Path, cache: Path) -> None:
    picture(photos / "a.jpg", (600, 600))
    run(photos, "--size", "128", "--size", "512", cache=cache)
    assert {Path(name).parent.name for name in files_below(cache)} == {"normal", "x-large"}
    assert run(photos, "--size", "128", "--size", "512", cache=cache).summary["current"] == 1


def test_a_picture_is_never_larger_than_its_source(photos: Path, cache: Path) -> None:
    picture(photos / "a.jpg", (60, 40))
    made = run(photos, "--upscale", cache=cache).rows[0]["thumbnails"][0]
    assert (made["width"], made["height"]) == (60, 40)


def test_thumbnails_have_no_thumbnails(photos: Path, cache: Path) -> None:
    picture(photos / "a.jpg")
    run(photos, cache=cache)
    (made,) = cache.rglob("*.png")
    again = run(made, cache=cache)
    assert again.rows[0]["error"]["reason"] == "is in the desktop's cache of thumbnails"
    assert again.summary["skipped"] == 1


@pytest.mark.parametrize("planted", ["file", "folder"])
@pytest.mark.few(1)
def test_a_planted_link_leads_nowhere(
    photos: Path, tmp_path: Path, cache: Path, planted: str
) -> None:
    picture(photos / "a.jpg")
    run(photos, cache=cache)
    (made,) = cache.rglob("*.png")
    victim = tmp_path / "victim"
    if planted == "file":
        victim.write_bytes(b"precious")
        made.unlink()
        made.symlink_to(victim)
        assert run(photos, cache=cache).summary["made"] == 1
        assert victim.read_bytes() == b"precious"
        assert not made.is_symlink()
    else:
        shutil.rmtree(cache / "large")
        victim.mkdir()
        (cache / "large").symlink_to(victim)
        assert run(photos, cache=cache).summary["failed"] == 1
        assert not any(victim.iterdir())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"size": 100}, "size = '100x100': the desktop's cache has 128, 256, 512, 1024"),
        ({"size": "256x128"}, "the desktop's cache has"),
        ({"fit": "cover"}, "fit = 'cover': has no place"),
        ({"name": "{stem}"}, "name = '{stem}': has no place"),
        ({"output": ""}, "output must say where the cache is"),
    ],
)
def test_what_has_no_place_there_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        merge_settings(None, {"layout": "freedesktop", "output": "cache", **options})


def test_the_desktop_prunes_it_itself(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('layout = "freedesktop"\n')
    run = thumbnailer("prune", photos, "-c", tmp_path / "c.toml")
    assert (run.code, run.err) == (
        2,
        "thumbnailer: layout = 'freedesktop': the desktop prunes its cache itself\n",
    )


def test_explain_and_watch_know_it(photos: Path, cache: Path) -> None:
    source = picture(photos / "a.jpg")
    settings = Settings(layout="freedesktop", output=cache)
    seen: list[str] = []

    class Stop:
        def is_set(self) -> bool:
            return len(seen) == 2

    for outcome in watch(photos, settings, stop_event=Stop(), settle=0.1):
        seen.append(outcome.status)
        if len(seen) == 1:
            picture(photos / "b.jpg")
    assert seen == ["made", "made"]
    assert len(files_below(cache)) == 2
    out = thumbnailer("explain", source, *LAYOUT, XDG_CACHE_HOME=str(cache.parent)).out
    assert out.endswith("    current\n")
