"""On Windows, as far as Wine shows it: real commands of a real Windows Python."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pictures import files_below, picture, tree
from support.processes import copies
from support.project import SAMPLES
from support.waiting import eventually
from support.wine import FOLDER, Windows, of_windows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER, reason="THUMBNAILER_WINDOWS names no folder of .ci/windows.sh"),
]


@pytest.fixture(scope="module")
def windows() -> Iterator[Windows]:
    if not shutil.which("wine"):
        pytest.skip("there is no Wine")
    with Windows() as windows:
        yield windows


# One command after the other, since Python takes two seconds to start there.
COMMANDS = """
import sys
from thumbnailer.cli.main import main
for command in ("status", "explain", "gallery", "prune", "config"):
    words = [] if command == "config" else [sys.argv[2 if command == "explain" else 1]]
    print(command, main([command, *words]), flush=True)
"""


def test_the_commands_with_the_sample_images(windows: Windows, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES, tmp_path / "samples", ignore=shutil.ignore_patterns("thumbs"))
    number = len(files_below(tmp_path / "samples"))
    run = windows.thumbnailer("make", "samples", "--json", cwd=tmp_path)
    assert (run.code, run.summary["made"], run.summary["found"]) == (0, number, number)
    run = windows.thumbnailer("verify", "samples", cwd=tmp_path)
    assert (run.code, run.out.split(" in ")[0]) == (0, f"{number} thumbnails, {number} whole")
    words = ("samples", "samples\\progressive-sunset.jpg")
    run = windows.python_runs("-c", COMMANDS, *words, cwd=tmp_path)
    assert f"\ncurrent   {number}\n" in run.out
    assert f"\n{words[1]}\n  JPEG, " in run.out
    assert "\nsamples\\thumbs\\index.html: 12 pictures" in run.out
    assert "0 orphaned, 0 removed" in run.out
    for command in ("status", "explain", "gallery", "prune", "config"):
        assert f"\n{command} 0\n" in run.out, run.out


LIBRARY = """
import sys
from thumbnailer import make_thumbnails
print(sys.executable)
print(make_thumbnails("photos", jobs=2).made)
"""


@pytest.mark.parametrize("place", ["Python itself", "virtual environment"])
def test_a_script_without_a_guard(windows: Windows, photos: Path, place: str) -> None:
    """In a virtual environment, python.exe starts another one; here it can't even start."""
    tree(photos, "a.jpg", "b.jpg")
    python, environment = windows.python, {}
    (photos.parent / "script.py").write_text(LIBRARY)
    if place == "virtual environment":
        python = photos.parent / "venv" / "Scripts" / "python.exe"
        python.parent.mkdir(parents=True)
        shutil.copy(windows.python, python)  # without the libraries that it needs
        home = of_windows(windows.python.parent)
        (photos.parent / "venv" / "pyvenv.cfg").write_text(f"home = {home}\n")
        environment["__PYVENV_LAUNCHER__"] = of_windows(python)
        packages = of_windows(windows.python.parent / "Lib" / "site-packages")
        environment["PYTHONPATH"] = f"{windows.module_path};{packages}"
    run = windows.python_runs("script.py", cwd=photos.parent, **environment)
    assert run.out == f"{of_windows(python)}\n2\n"


def test_a_watch_sees_what_comes_changes_and_goes(windows: Windows, photos: Path) -> None:
    picture(photos / "a.jpg", (40, 30))
    words = ("watch", "photos", "-v", "--settle", "0.2", "--rescan", "3600", "-j", "1")
    with windows.in_a_console(*words, cwd=photos.parent) as watch:
        watch.shows("ready: everything has been looked at")
        (worker,) = set(windows.pythons()) - {watch.process.pid}
        os.kill(worker, signal.SIGKILL)  # while it has nothing to do
        picture(photos / "b.jpg", (41, 30))
        watch.shows("made: photos\\b.jpg")
        picture(photos.parent / "c.jpg", (42, 30)).replace(photos / "b.jpg")
        watch.shows("made: photos\\b.jpg", 2)
        (photos / "b.jpg").rename(photos / "d.jpg")
        watch.shows("made: photos\\d.jpg")
        watch.shows("removed: photos\\b.jpg")
        tree(photos, "sub/e.jpg")
        watch.shows("made: photos\\sub\\e.jpg")
        (photos / "a.jpg").unlink()
        watch.shows("removed: photos\\a.jpg")
        watch.press_control_c()
        assert watch.ends() == 0
        watch.shows("stopped: by SIGINT")
    assert os.listdir(photos / "thumbs") == [".thumbnailer", "d.jpg"]
    assert not windows.pythons()


@pytest.mark.parametrize("how", ["Ctrl-C", "killed"])
def test_a_run_that_is_ended_leaves_no_process(windows: Windows, photos: Path, how: str) -> None:
    copies(photos, 2000, (1000, 700))
    with windows.in_a_console("make", "photos", "-j", "2", cwd=photos.parent) as run:
        run.shows("/2000, ")
        eventually(lambda: len(windows.pythons()) == 3)
        if how == "Ctrl-C":
            run.press_control_c()
            assert run.ends() == 130
            run.shows("interrupted: ")
        else:
            run.process.kill()
        eventually(lambda: not windows.pythons())
    made = {name for name in os.listdir(photos / "thumbs") if not name.startswith(".")}
    assert 0 < len(made) < 2000


def test_thumbnails_on_another_drive(windows: Windows, photos: Path, tmp_path: Path) -> None:
    tree(photos, "a b.jpg", "sub/c.jpg")
    (tmp_path / "disk").mkdir()
    with windows.drive("t", tmp_path / "disk"):
        words = ("photos", "-o", "T:\\thumbs")
        run = windows.thumbnailer("make", *words, "--gallery", "--json", cwd=tmp_path)
        assert run.code == 0, run.out
        page = (tmp_path / "disk" / "thumbs" / "index.html").read_text()
        assert f'"file:///Z:{photos}/sub/"' in page
        run = windows.thumbnailer("make", *words, cwd=tmp_path)
        assert run.out == "2 found, 0 made, 2 current; nothing to do\n"
        (photos / "a b.jpg").unlink()
        run = windows.thumbnailer("prune", *words, cwd=tmp_path)
        assert "2 thumbnails, 1 orphaned, 1 removed" in run.out
    assert files_below(tmp_path / "disk" / "thumbs") == {"index.html", "sub/c.jpg"}


def test_odd_names(windows: Windows, photos: Path) -> None:
    """Also long paths, patterns, which no shell expands there, and what Windows hides."""
    names = ("caf\u00e9 #1%20.jpg", "\u65e5\u672c.jpg", "\U0001f98a.jpg", "a[1].jpg", "CON1.jpg")
    deep = "/".join(["deep" * 20] * 4)
    tree(photos, *names, "a.png", ".hidden.jpg", ".git/b.jpg", f"{deep}/c.jpg")
    run = windows.thumbnailer("make", "photos", "photos\\*.png", "--json", cwd=photos.parent)
    assert run.code == 0, run.out
    found = {*names, "a.png", f"{deep}/c.jpg"}
    made = {json.loads(line)["source"] for line in run.out.splitlines()[:-2]}
    assert made == {"photos\\" + name.replace("/", "\\") for name in found}
    run = windows.thumbnailer("make", "photos", "--name", "{stem}:{size}", cwd=photos.parent)
    assert (run.code, "no file on Windows" in run.out) == (2, True)


LIMITS = """
from thumbnailer.engine import machine, windows
windows.limit_memory(1 << 30)
print(machine.available_memory_bytes())
"""


def test_memory_is_asked_of_windows_and_can_be_limited(windows: Windows, tmp_path: Path) -> None:
    """Wine takes the limit, but does not hold to it."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    known = {line.split()[0]: int(line.split()[1]) << 10 for line in lines}
    told = int(windows.python_runs("-c", LIMITS, cwd=tmp_path).out)
    assert known["MemFree:"] / 2 < told <= known["MemTotal:"]
