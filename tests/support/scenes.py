"""The folders that the help pages speak of, with pictures in the state that a page shows."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from PIL import ExifTags, Image

from support.pictures import picture, tree
from support.project import SAMPLES
from thumbnailer import make_thumbnails, write_gallery


def with_pictures(folder: Path) -> None:
    """What a page may name without a word on what is there: a home, and a disk of a server."""
    for name in (".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"):
        (folder / name).mkdir(parents=True)
    tree(folder, "a.jpg", "b.png", "photos/c.jpg", "Pictures/d.jpg", "srv/photos/e.jpg")
    for name in ("sample_images", "etc"):
        (folder / name).mkdir()
    (folder / "etc" / "thumbnailer.toml").write_text("size = 256\n")
    for sample in sorted(filter(Path.is_file, SAMPLES.iterdir()))[:2]:
        (folder / "sample_images" / sample.name).symlink_to(sample)


def with_broken_files(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b.jpg")
    (photos / "notes.png").write_text("text")
    broken = picture(photos / "broken.jpg", (300, 300))
    broken.write_bytes(broken.read_bytes()[:-31])


def with_a_changed_picture(folder: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    phone = picture(folder / "photos" / "phone.jpg", (640, 480), exif=exif)
    make_thumbnails(folder / "photos")
    os.utime(phone, (1, 1))


def with_an_orphan(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b.jpg", "c.jpg", "old.jpg")
    make_thumbnails(photos)
    (photos / "old.jpg").unlink()


def with_all_of_these(folder: Path) -> None:
    with_broken_files(folder)
    photos = tree(folder / "photos", "old.jpg")
    with_a_changed_picture(folder)
    (photos / "old.jpg").unlink()
    tree(photos, "new.jpg")


def with_another_format(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b.jpg", "c.jpg")
    make_thumbnails(photos)
    make_thumbnails(photos, format="webp")


def with_damaged_thumbnails(folder: Path) -> None:
    make_thumbnails(tree(folder / "photos", "a.jpg", "b.jpg", "c.jpg", "d.jpg"))
    os.truncate(folder / "photos" / "thumbs" / "a.jpg", 100)
    (folder / "photos" / "thumbs" / "b.jpg").unlink()


def with_a_text(folder: Path) -> None:
    picture(folder / "photos" / "a.jpg", (600, 400))
    (folder / "photos" / "notes.png").write_text("text")


def with_a_gallery(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b/c.jpg")
    (photos / "notes.png").write_text("text")
    make_thumbnails(photos)


def with_thumbnails_and_a_page(folder: Path) -> None:
    photos = tree(folder / "photos", "a.jpg", "b.jpg", "2026/c.jpg")
    make_thumbnails(photos)
    write_gallery(photos)


def with_uploads(folder: Path) -> None:
    picture(folder / "uploads" / "a.jpg").rename(folder / "uploads" / "xtapjj")
    (folder / "uploads" / "7xq2k").write_bytes(b"%PDF-1.7\n")


def with_a_list(folder: Path) -> None:
    tree(folder, "uploads/1/photo.jpg", "uploads/2/photo.jpg", "uploads/3/photo.jpg")
    (folder / "new.txt").write_text("1/photo.jpg\n2/photo.jpg\n2/none.jpg\n")


def with_a_holiday(folder: Path) -> None:
    (folder / "holiday").mkdir()


def with_a_year(folder: Path) -> None:
    tree(folder / "Pictures", "2026/a.jpg", "2026/b.jpg", "2026/c.jpg")


def with_a_repository(folder: Path) -> None:
    with_pictures(folder)
    for words in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(words, cwd=folder, check=True)
