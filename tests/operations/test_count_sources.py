"""The total of the progress bar is what the run will find."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture, tree
from support.program import make

from thumbnailer import Settings
from thumbnailer.operations.count_sources import count_sources


@pytest.mark.parametrize(
    ("sources", "settings"),
    [
        (["."], {}),
        (["."], {"recursive": False}),
        (["."], {"exclude": ["sub"]}),
        (["."], {"include": ["*.png"]}),
        (["."], {"also": ["ppm"]}),
        (["a.jpg", "sub"], {}),
        (["upload.bin", "a.jpg", "notes.txt"], {}),
    ],
)
def test_it_counts_what_a_run_finds(
    photos: Path, monkeypatch: pytest.MonkeyPatch, sources: list[str], settings: dict[str, Any]
) -> None:
    tree(photos, "a.jpg", "b.png", "sub/c.jpg", "e.ppm", "thumbs/d.jpg", ".hidden/f.jpg")
    picture(photos / "upload.bin", format="PNG")
    (photos / "notes.txt").write_text("no picture")
    (photos / "link.jpg").symlink_to("nowhere")
    (photos / "sub" / "broken.jpg").write_text("no picture")
    monkeypatch.chdir(photos)
    options = [
        word
        for key, value in settings.items()
        for word in (["--no-recursive"] if value is False else [f"--{key}", *value])
    ]
    make("a.jpg")  # a thumbnail of ours is counted no more than it is found
    found = make("-n", *options, *sources).summary["found"]
    assert count_sources(sources, Settings(**settings), threading.Event()) == found
