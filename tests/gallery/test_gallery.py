"""`thumbnailer gallery`: a page that shows the thumbnails there are."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from PIL import ExifTags, Image
from support.pages import block
from support.pictures import files_below, picture, tree
from support.processes import start, wait_until_up
from support.program import THUMBNAILER, Run, thumbnailer
from support.thumbhash import difference, shown
from support.waiting import eventually

from thumbnailer import ConfigError, OutputError, SourceError, write_gallery

PAGE = Path("thumbs", "index.html")

NAME, URL, BYTES, MTIME, WIDTH, HEIGHT, TAKEN, PLACEHOLDER, SIZES = range(9)
ODD = [
    "<script>alert(1)",
    "<!--<script>",
    "100% #1?",
    "'quoted' \"twice\" &amp;",
    "two\nlines",
    "a:b",
    "größe 東京",
    "caf\udce9",
]


@dataclass
class Read(HTMLParser):
    """A page as a browser would read it: its scripts, styles and data, and all its elements."""

    path: Path
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self.text = self.path.read_bytes().decode()
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style", "title"):
            kind = "data" if "data-folder" in dict(attrs) else tag
            self.texts.setdefault(kind, []).append("")
            self._into: str | None = kind

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "title"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if getattr(self, "_into", None):
            self.texts[self._into or ""][-1] += data

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts.get("data", [])]

    @property
    def rows(self) -> dict[str, list[Any]]:
        """Each picture by its path below the root."""
        return {
            os.path.join(line["path"], row[NAME]): row
            for line in self.lines
            for row in line["rows"]
        }

    @property
    def without(self) -> dict[str, tuple[str, bool]]:
        """The reason for each picture without a thumbnail, and whether it has failed."""
        return {
            os.path.join(line["path"], name): (reason, failed)
            for line in self.lines
            for name, _, reason, failed in line["without"]
        }

    def files(self) -> list[Path]:
        """What the page leads to: each picture and its thumbnails."""
        found = []
        for line in self.lines:
            for row in line["rows"]:
                name = row[URL] or row[NAME]
                urls = [line["source"] + name]
                for at, thumbs in enumerate(line["thumbs"]):
                    urls.append(thumbs + (row[SIZES][4 * at + 3] or name))
                found += [self._file(url) for url in urls]
        return found

    def _file(self, url: str) -> Path:
        assert not re.search("[?#]", url)
        whole = urljoin(self.path.parent.as_uri() + "/", url).removeprefix("file://")
        return Path(os.fsdecode(unquote_to_bytes(whole)))


def make(*arguments: str | Path) -> Run:
    return thumbnailer("make", "--json", *arguments)


def gallery(*arguments: str | Path) -> list[dict[str, Any]]:
    """`thumbnailer gallery --json`: a row for each page."""
    done = thumbnailer("gallery", "--json", *arguments)
    assert (done.code, done.err) == (0, "")
    assert done.summary["pages"] == len(done.rows)
    return done.rows


def test_a_page_shows_every_thumbnail_of_the_tree(photos: Path) -> None:
    tree(photos, "a.jpg", "b.png", "sub/c.webp", "sub/deep/d.jpg")
    make(photos)
    (row,) = gallery(photos)
    assert row["page"] == str(photos / PAGE)
    assert (row["pictures"], row["folders"], row["failed"], row["status"]) == (4, 3, 0, "written")
    page = Read(photos / PAGE)
    assert {*page.rows} == {"a.jpg", "b.png", "sub/c.webp", "sub/deep/d.jpg"}
    assert len(page.files()) == 8
    assert [path for path in page.files() if not path.is_file()] == []
    assert page.texts["title"] == ["photos"]


def test_facts_of_a_picture(photos: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:01 12:30:00"
    Image.new("RGB", (600, 400), (200, 40, 10)).save(photos / "a.jpg", exif=exif.tobytes())
    Image.new("RGBA", (300, 200), (0, 0, 255, 128)).save(photos / "b.png")
    make(photos)
    gallery(photos)
    rows = Read(photos / PAGE).rows
    assert rows["a.jpg"][WIDTH:PLACEHOLDER] == [400, 600, "2024-05-01 12:30:00"]
    assert rows["b.png"][WIDTH:PLACEHOLDER] == [300, 200, ""]
    assert rows["a.jpg"][SIZES][:2] == [171, 256]
    status = os.stat(photos / "a.jpg")
    assert rows["a.jpg"][BYTES : MTIME + 1] == [status.st_size, status.st_mtime_ns]
    found = shown(rows["a.jpg"][PLACEHOLDER])
    assert difference(found, Image.new("RGB", found.size, (200, 40, 10))) < 5


def test_the_placeholder_of_a_picture_is_that_of_its_thumbnail(photos: Path) -> None:
    picture(photos / "a.jpg", (600, 400))
    Image.new("RGBA", (300, 200), (0, 0, 0, 0)).save(photos / "b.png")
    for background in ("white", "#ff0000"):
        made = make(photos, "--background", background)
        gallery(photos, "--background", background)
        rows = Read(photos / PAGE).rows
        for row in made.rows:
            (thumbnail,) = row["thumbnails"]
            on_page = rows[Path(row["source"]).name][PLACEHOLDER]
            # One is of its pixels before they were encoded, the other of those in its file.
            assert difference(shown(on_page), shown(thumbnail["placeholder"])) < 10


def test_a_page_of_an_earlier_version_is_made_anew(photos: Path) -> None:
    """There was a colour, of six digits, in place of the placeholder."""
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    gallery(photos)
    page = photos / PAGE
    before = page.read_bytes()
    for row in Read(page).rows.values():
        page.write_bytes(page.read_bytes().replace(row[PLACEHOLDER].encode(), b"fe0000"))
    (told,) = gallery(photos)
    assert (told["looked"], told["status"]) == (2, "written")
    assert page.read_bytes() == before


@pytest.mark.parametrize("format", ["png", "webp", "tiff", "avif"])
def test_dates_in_other_formats(photos: Path, format: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1999:12:31 23:59:59"
    picture(photos / f"a.{format}", exif=exif.tobytes())
    make(photos)
    gallery(photos)
    (row,) = Read(photos / PAGE).rows.values()
    assert row[WIDTH:PLACEHOLDER] == [96, 64, "1999-12-31 23:59:59"]


def test_dates_that_make_no_sense_are_left_out(photos: Path) -> None:
    for name, date in [("blank", " " * 19), ("zero", "0000:00:00 00:00:00"), ("html", "<b>" * 6)]:
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = date
        picture(photos / f"{name}.jpg", exif=exif.tobytes())
    make(photos)
    gallery(photos)
    assert {row[TAKEN] for row in Read(photos / PAGE).rows.values()} == {""}


def test_what_has_no_thumbnail_is_listed_with_its_reason(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "broken.jpg").write_bytes(b"some text")
    (photos / "link.jpg").symlink_to("nowhere")
    make(photos)
    picture(photos / "sub" / "new.jpg")
    (row,) = gallery(photos)
    assert (row["pictures"], row["failed"], row["missing"]) == (1, 1, 2)
    assert Read(photos / PAGE).without == {
        "broken.jpg": ("is text, no picture", True),
        "link.jpg": ("is a link to nothing", False),
        "sub/new.jpg": ("has no thumbnail with these settings yet", False),
    }


def test_any_name_is_data_and_leads_to_its_file(photos: Path) -> None:
    inner = "<script>/</script>"  # a folder called `<` may hold one called `script>`
    names = [f"{name}.jpg" for name in ODD]
    for folder in (photos, photos / inner):
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            picture(photos / "x.png").rename(folder / name)
    make(photos)
    gallery(photos)
    page = Read(photos / PAGE)
    assert {*page.rows} == {*names, *(f"{inner}/{name}" for name in names)}
    assert len(page.files()) == 4 * len(names)
    assert [path for path in page.files() if not path.is_file()] == []
    # One style, one script, and a line for each folder: nothing else that could run.
    assert len(page.texts["script"]) == len(page.texts["style"]) == 1
    kinds = [attributes.get("type") for tag, attributes in page.elements if tag == "script"]
    assert kinds == ["application/json", "application/json", None]
    assert "alert(1)" not in page.texts["script"][0]
    data = "".join(page.texts["data"])
    assert "<" not in data


def test_a_root_with_an_odd_name(tmp_path: Path) -> None:
    root = tree(tmp_path / "<b>&'\"$title\udce9", "a.jpg")
    make(root)
    gallery(root)
    page = Read(root / PAGE)
    assert page.texts["title"] == ["<b>&'\"$title\N{REPLACEMENT CHARACTER}"]
    assert "b" not in {tag for tag, _ in page.elements}


def test_the_policy_lets_nothing_in_but_the_page_itself(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos, "--gallery")
    page = Read(photos / PAGE)
    (policy,) = (
        attributes["content"]
        for tag, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert (rules["default-src"], rules["img-src"]) == ("'none'", "'self'")
    for kind in ("style", "script"):
        digest = hashlib.sha256(page.texts[kind][0].encode()).digest()
        assert rules[f"{kind}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    # Nothing is loaded, from wherever, and no attribute holds code or style.
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "base")
        assert not {"src", "style", "srcset"} & {*attributes}
        assert not [name for name in attributes if name.startswith("on")]
    assert "http" not in page.text.replace("http-equiv", "")


def test_what_is_known_is_not_looked_at_again(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "sub/c.jpg")
    make(photos)
    assert gallery(photos)[0]["looked"] == 3
    written = (photos / PAGE).stat()
    (row,) = gallery(photos)
    assert (row["looked"], row["status"]) == (0, "current")
    again = (photos / PAGE).stat()
    assert (again.st_ino, again.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    picture(photos / "b.jpg", (200, 100))
    make(photos)
    (row,) = gallery(photos)
    assert (row["looked"], row["status"]) == (1, "written")
    assert Read(photos / PAGE).rows["b.jpg"][WIDTH : HEIGHT + 1] == [200, 100]


def test_a_change_that_no_thumbnail_shows_is_noticed(photos: Path) -> None:
    def save(date: str) -> None:
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = date
        picture(photos / "a.jpg", exif=exif.tobytes())

    save("2001:01:01 01:01:01")
    make(photos, "--gallery")
    before = Read(photos / PAGE).rows["a.jpg"]
    save("2002:02:02 02:02:02")
    make(photos, "--gallery")
    after = Read(photos / PAGE).rows["a.jpg"]
    assert after[SIZES] == before[SIZES]
    assert (before[TAKEN], after[TAKEN]) == ("2001-01-01 01:01:01", "2002-02-02 02:02:02")


def test_a_look_that_takes_too_long_costs_the_facts_until_the_next_page(photos: Path) -> None:
    # To look at a thumbnail of 24 megapixels takes a fifth of a second at least.
    picture(photos / "a.jpg", (6000, 4000))
    large = "--format", "png", "--size", "6000"
    assert make(photos, *large).code == 0
    (page,) = write_gallery(photos, format="png", size=6000, timeout=0.001).pages
    assert (page.pictures, page.looked) == (1, 1)
    assert Read(photos / PAGE).rows["a.jpg"][WIDTH:SIZES] == [None] * 4
    assert gallery(photos, *large)[0]["looked"] == 1
    assert Read(photos / PAGE).rows["a.jpg"][WIDTH : HEIGHT + 1] == [6000, 4000]
    assert gallery(photos, *large)[0]["looked"] == 0


def test_the_help_page_shows_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photos = tree(Path("photos"), "a.jpg", "sub/b.jpg")
    (photos / "notes.png").write_text("text")
    make("photos")
    shown, _ = block('{"page": ').lines
    (row,) = gallery("photos")
    varying = {"bytes": 0, "seconds": 0}
    assert json.loads(shown) | varying == row | varying
    said = thumbnailer("gallery", "photos").out
    assert block("$ thumbnailer gallery photos").lines[1:] == said.splitlines()


def test_before_anything_is_made_it_says_what_comes_first(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "notes.png").write_text("text")
    assert "make them first" in thumbnailer("gallery", photos).err
    assert thumbnailer("gallery", photos, "--quiet").err == ""
    (photos / "a.jpg").unlink()
    make(photos)  # what fails is told on the page
    assert thumbnailer("gallery", photos).err == ""


def test_a_page_that_somebody_has_spoilt_is_written_anew(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos, "--gallery")
    good = (photos / PAGE).read_bytes()
    line = re.search(rb'data-folder="">(.*)</script>', good)
    assert line
    for spoilt in (
        b"{}",
        b"[" * 100_000,
        b'{"rows":[[1],{},null,["a.jpg"]]}',
        b'{"rows":7}',
        b"{\xff}",
    ):
        (photos / PAGE).write_bytes(good.replace(line[1], spoilt))
        assert gallery(photos)[0]["status"] == "written"
        assert (photos / PAGE).read_bytes() == good


def test_several_sizes_and_an_output_tree(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "sub/b.jpg")
    other = tree(tmp_path / "other", "c.jpg")
    options: list[str | Path] = ["--size", "16", "--size", "48", "--name", "{stem}_{size}"]
    options += ["-o", tmp_path / "out"]
    make(photos, other, *options)
    (row,) = gallery(photos, other, *options)
    assert row["page"] == str(tmp_path / "out" / "index.html")
    page = Read(tmp_path / "out" / "index.html")
    assert {*page.rows} == {"photos/a.jpg", "photos/sub/b.jpg", "other/c.jpg"}
    sizes = page.rows["other/c.jpg"][SIZES]
    assert (sizes[:2], sizes[4:6]) == ([16, 11], [48, 32])
    assert len(page.files()) == 9
    assert [path for path in page.files() if not path.is_file()] == []


def test_each_root_has_a_page(photos: Path, tmp_path: Path) -> None:
    tree(photos, "sub/a.jpg")
    other = tree(tmp_path / "other", "b.jpg")
    make(photos, other)
    done = thumbnailer("gallery", photos, other)
    assert done.out.splitlines() == [
        f"{photos}/thumbs/index.html: 1 picture, 1 folder",
        f"{other}/thumbs/index.html: 1 picture, 1 folder",
    ]
    assert thumbnailer("gallery", photos, other, "--quiet").out == ""
    assert "(0 looked at, " in thumbnailer("gallery", photos, other, "-v").out


def test_a_page_stands_in_nobodys_way(photos: Path) -> None:
    tree(photos, "sub/a.jpg")  # so that `thumbs` beside the root's own pictures is the page's alone
    make(photos, "--gallery")
    tree(photos, "b.jpg")
    assert make(photos, "--gallery").summary["made"] == 1
    assert b'"shared": false' in (photos / "thumbs" / ".thumbnailer").read_bytes()
    (photos / "b.jpg").unlink()
    pruned = thumbnailer("prune", "--json", "--yes", photos)
    assert (pruned.code, pruned.summary["removed"]) == (0, 1)
    assert files_below(photos) == {"sub/a.jpg", "sub/thumbs/a.jpg", "thumbs/index.html"}
    assert gallery(photos)[0]["pictures"] == 1
    assert make(photos).summary["found"] == 1


def test_a_folder_without_pictures_has_an_empty_page(photos: Path) -> None:
    (row,) = gallery(photos)
    assert (row["pictures"], row["folders"]) == (0, 0)
    assert Read(photos / PAGE).lines == []


def test_a_page_that_is_not_ours_is_never_overwritten(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "thumbs").mkdir()
    (photos / PAGE).write_text("<!doctype html><title>mine</title>")
    for command in (["gallery"], ["make", "--gallery"]):
        done = thumbnailer(*command, photos)
        assert done.code == 1
        assert done.err == (
            f"thumbnailer: {photos}/thumbs/index.html is in the way: "
            "it was not made by thumbnailer\n"
        )
    assert files_below(photos) == {"a.jpg", "thumbs/index.html"}  # nor was anything else done
    assert (photos / PAGE).read_text() == "<!doctype html><title>mine</title>"


def test_no_link_is_followed(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    make(photos, "--gallery")
    theirs = tmp_path / "theirs.html"
    theirs.write_bytes((photos / PAGE).read_bytes())
    (photos / PAGE).unlink()
    (photos / PAGE).symlink_to(theirs)
    tree(photos, "b.jpg")
    done = thumbnailer("gallery", photos)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "is a symbolic link: refused" in done.err
    assert b"b.jpg" not in theirs.read_bytes()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    linked = tree(tmp_path / "linked", "a.jpg")
    (linked / "thumbs").symlink_to(elsewhere)
    assert thumbnailer("gallery", linked).code == 1
    assert not any(elsewhere.iterdir())


def test_what_can_have_no_page_is_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tree(photos, "a.jpg")
    (tmp_path / "c.toml").write_text('layout = "freedesktop"')
    done = thumbnailer("gallery", photos, "-c", tmp_path / "c.toml")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "the desktop's cache has no gallery" in done.err
    done = thumbnailer("make", photos, "--gallery", "--layout", "freedesktop")
    assert done.code == 2
    assert thumbnailer("gallery", photos / "a.jpg").code == 1
    assert thumbnailer("make", photos / "a.jpg", "--gallery").code == 1
    assert thumbnailer("gallery", photos / "missing").code == 1
    assert files_below(photos) == {"a.jpg"}


def test_where_nothing_can_be_written_one_line_says_so(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    make(photos)
    done = thumbnailer("gallery", photos, "-o", tmp_path / "nowhere")
    assert (done.code, done.out) == (1, "")
    assert done.err == f"thumbnailer: {tmp_path}/nowhere/index.html: No such file or directory\n"


def test_make_writes_the_page_when_all_is_made(photos: Path) -> None:
    tree(photos, "a.jpg")
    done = make(photos, "--gallery", "--dry-run")
    assert (done.summary["skipped"], (photos / "thumbs").exists()) == (1, False)
    done = thumbnailer("make", "--gallery", "--json", photos)
    made, page = done.rows
    assert (made["status"], page["pictures"], page["status"]) == ("made", 1, "written")
    assert done.summary["made"] == 1
    done = thumbnailer("make", "--gallery", photos)
    assert done.out.splitlines()[1] == f"{photos}/thumbs/index.html: 1 picture, 1 folder"


def test_from_python(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    make(photos, "--size", "16")
    report = write_gallery(photos, size=16)
    (page,) = report.pages
    assert (page.path, page.pictures, page.looked) == (str(photos / PAGE), 1, 1)
    assert page.size_bytes == (photos / PAGE).stat().st_size
    with pytest.raises(ConfigError):
        write_gallery(photos, layout="freedesktop", output=tmp_path)
    with pytest.raises(SourceError):
        write_gallery(photos / "a.jpg")
    (photos / PAGE).write_text("mine")
    with pytest.raises(OutputError):
        write_gallery(photos)


class StopAfter:
    """A stop that is set once somebody has asked it so often."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_a_gallery_that_is_stopped_leaves_the_old_page(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos, "--gallery")
    before = (photos / PAGE).read_bytes()
    tree(photos, *(f"{number}.jpg" for number in range(40)))
    make(photos)
    for looks in (0, 1, 5, 20):
        assert write_gallery(photos, jobs=1, stop_event=StopAfter(looks)).pages == ()
        assert (photos / PAGE).read_bytes() == before
    assert write_gallery(photos).pages[0].pictures == 41


@pytest.mark.parametrize("seconds", [0, 0.15, 0.3])
@pytest.mark.few(1)
def test_ctrl_c_ends_it_without_a_traceback_or_half_a_page(photos: Path, seconds: float) -> None:
    tree(photos, *(f"{number}.png" for number in range(60)))
    make(photos)
    words = [*THUMBNAILER, "gallery", str(photos), "-j1"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until_up(process.pid)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode in (0, 130), err) == (True, b"")
    if (photos / PAGE).exists():  # it was too late to keep it from being written
        assert len(Read(photos / PAGE).rows) == 60
        assert gallery(photos)[0]["looked"] == 0
    else:
        assert process.returncode == 130


@pytest.mark.slow
def test_folders_of_more_than_a_line_are_whole(photos: Path) -> None:
    first = picture(photos / "0.jpg", (16, 16))
    for number in range(1, 1203):
        os.link(first, photos / f"{number}.jpg")
    make(photos)
    (row,) = gallery(photos)
    assert (row["pictures"], row["folders"], row["looked"]) == (1203, 1, 1203)
    page = Read(photos / PAGE)
    assert [len(line["rows"]) for line in page.lines] == [1000, 203]
    assert {row[PLACEHOLDER] for row in page.rows.values()} == {page.rows["0.jpg"][PLACEHOLDER]}
    assert gallery(photos)[0]["looked"] == 0


@pytest.mark.slow
def test_a_watch_keeps_the_page_current(photos: Path) -> None:
    tree(photos, "a.jpg")
    process = subprocess.Popen(
        [*THUMBNAILER, "watch", "--gallery", "--json", photos],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        page = photos / PAGE
        eventually(page.exists)
        assert {*Read(page).rows} == {"a.jpg"}
        picture(photos / "b.jpg")
        eventually(lambda: {*Read(page).rows} == {"a.jpg", "b.jpg"})
        (photos / "a.jpg").unlink()
        eventually(lambda: {*Read(page).rows} == {"b.jpg"})
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.slow
def test_a_watch_says_once_that_the_page_can_not_be_written(photos: Path) -> None:
    tree(photos, "a.jpg")
    complaint = b"is in the way: it was not made by thumbnailer"
    with start(*THUMBNAILER, "watch", "--gallery", photos) as watch:
        eventually((photos / PAGE).exists)
        (photos / PAGE).write_text("mine")
        picture(photos / "b.jpg")
        eventually(lambda: complaint in os.pread(watch.err.fileno(), 9999, 0))
        picture(photos / "c.jpg")
        eventually((photos / "thumbs" / "c.jpg").exists)
        time.sleep(2)
        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(60) == 0
        assert os.pread(watch.err.fileno(), 9999, 0).count(complaint) == 1
    assert (photos / PAGE).read_text() == "mine"


PREFIXES = {
    "https://example.org/all photos".replace(" ", "%20"): "https://example.org/all%20photos/",
    "https://example.org": "https://example.org/",
    "/photos/": "/photos/",
    "/": "/",
}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_links_lead_to_where_the_pictures_are_said_to_be(photos: Path, prefix: str) -> None:
    tree(photos, "a.jpg", "sub/100% #1?.jpg", "broken/x.jpg")
    (photos / "broken" / "x.jpg").write_text("text")
    make(photos)
    gallery(photos, "--link-prefix", prefix)
    page = Read(photos / PAGE)
    start = PREFIXES[prefix]
    found = {line["path"]: line["source"] for line in page.lines}
    assert found == {"": start, "sub": f"{start}sub/", "broken": f"{start}broken/"}
    policy = re.search("img-src ([^;]*);", (photos / PAGE).read_text())
    assert policy
    origin = ["https://example.org"] if prefix.startswith("https") else []
    assert policy[1].split() == ["'self'", *origin]


def test_there_need_not_be_links(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "sub/b.jpg")
    config = tmp_path / "config.toml"
    config.write_text('link_prefix = ""\n')
    for options in (["--link-prefix", ""], ["--config", config], ["--link-prefix="]):
        make(photos, "--gallery", *options)
        assert {line["source"] for line in Read(photos / PAGE).lines} == {""}
        make(photos, "--gallery")
        assert {line["source"] for line in Read(photos / PAGE).lines} == {"../", "../sub/"}


@pytest.mark.parametrize(
    "prefix", ["javascript:alert(1)", "photos", "https://", "https://a b", "/a;script-src *", "/'"]
)
def test_a_prefix_that_is_none_is_refused(photos: Path, prefix: str) -> None:
    done = thumbnailer("gallery", photos, "--link-prefix", prefix)
    assert done.code == 2
    assert 'must be auto, "" for no links, or what they begin with' in done.err
