"""What a program lacks or has closed does not matter; where it does, the error says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.marks import posix_only, root_only
from support.pictures import tree
from support.project import PROJECT
from support.thumbs import thumbnail_files

pytestmark = posix_only

LIBRARY = """
import os, sys
from thumbnailer import make_thumbnails
report = make_thumbnails(sys.argv[1])
os.write(int(sys.argv[2]), str(report.made).encode())
"""


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2), (1, 2)])
@pytest.mark.few(1)
def test_closed_streams(photos: Path, tmp_path: Path, closed: tuple[int, ...]) -> None:
    tree(photos, "a.jpg", "b.jpg")
    with open(tmp_path / "made", "w") as made:
        script = ["exec", sys.executable, "-c", '"$0"', '"$@"', *(f"{fd}>&-" for fd in closed)]
        command = ["sh", "-c", " ".join(script), LIBRARY, str(photos), str(made.fileno())]
        done = subprocess.run(command, pass_fds=[made.fileno()], timeout=60)
    assert (done.returncode, (tmp_path / "made").read_text()) == (0, "2")


@pytest.mark.parametrize("how", ["command", "library"])
def test_a_working_directory_that_is_gone(photos: Path, tmp_path: Path, how: str) -> None:
    tree(photos, "a.jpg", "b.jpg")
    gone = tmp_path / "gone"
    program = [sys.executable, "-m", "thumbnailer", "make", str(photos)]
    if how == "library":
        program = [sys.executable, "-c", LIBRARY, str(photos), "1"]
    script = f'mkdir {gone}; cd {gone} && rmdir {gone} && exec "$@"'
    shell = ["sh", "-c", script, "sh"]
    probe = [*shell, sys.executable, "-c", "import socket"]
    if how == "library" and subprocess.run(probe).returncode:
        pytest.skip("this Python imports no module of its own from there: 3.13.0 does not")
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run([*shell, *program], capture_output=True, timeout=60, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(thumbnail_files(photos)) == 2


@pytest.mark.parametrize("kind", ["missing", "long"])
def test_no_folder_for_temporary_files(photos: Path, tmp_path: Path, kind: str) -> None:
    """A socket's path has 107 bytes at most (unix(7)); ours has none."""
    tree(photos, "a.jpg", "b.jpg")
    folder = tmp_path / ("x" * 200 if kind == "long" else "none")
    if kind == "long":
        folder.mkdir()
    program = [sys.executable, "-c", LIBRARY, str(photos), "1"]
    environment = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run(program, capture_output=True, timeout=60, env=environment)
    assert (done.stdout, done.stderr) == (b"2", b"")


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
@root_only
def test_no_place_at_all_that_can_be_written(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    shut = (
        f"mount --bind {photos.parent} /mnt && for place in /tmp /var/tmp /dev/shm /run; do "
        "mount --bind $place $place && mount -o remount,ro,bind $place; done; cd /proc && "
    )
    code = LIBRARY.replace("sys.argv[1]", repr(f"/mnt/{photos.name}"))
    command = ["unshare", "-m", "sh", "-c", shut + 'exec "$@"', "sh"]
    done = subprocess.run(
        [*command, sys.executable, "-c", code, "", "1"],
        capture_output=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    if b"mount" in done.stderr or done.stderr.startswith(b"unshare: "):
        pytest.skip(f"can't mount: {done.stderr.decode().strip()}")
    assert (done.stdout, done.stderr) == (b"2", b"")


EMBEDDED = """
import sys
from thumbnailer import WorkerError, make_thumbnails
sys.executable = sys.argv[2]
if sys.argv[3:]:
    sys.exec_prefix = sys.argv[3]
try:
    print(make_thumbnails(sys.argv[1]).made)
except WorkerError as error:
    print(error)
"""


def embedded(*arguments: str | Path) -> str:
    command = [sys.executable, "-c", EMBEDDED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("executable", ["", "/usr/sbin/uwsgi", "/usr/bin/env"])
def test_an_embedded_interpreter_finds_the_python_beside_it(photos: Path, executable: str) -> None:
    tree(photos, "a.jpg", "b.jpg")
    assert embedded(photos, executable) == "2"


def test_where_there_is_none_it_is_said_what_to_set(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    assert embedded(photos, "/usr/sbin/uwsgi", tmp_path) == (
        "no worker process can be started: sys.executable is '/usr/sbin/uwsgi', which is no "
        "Python; multiprocessing.set_executable names one"
    )
    shutil.copy("/bin/true", tmp_path / "copying")
    assert embedded(photos, tmp_path / "copying", tmp_path) == (
        f"no worker process can be started: {tmp_path}/copying has ended at once: if it is not "
        "this program's Python, set sys.executable"
    )


FROZEN = """
import sys
from thumbnailer import freeze_support, make_thumbnails

if sys.argv[-1] != "unsupported":
    freeze_support()
print("runs", flush=True)
print(make_thumbnails(sys.argv[1], force=True).made)
"""


@pytest.mark.extra
@pytest.mark.slow
def test_a_frozen_program(photos: Path, tmp_path: Path) -> None:
    if not find_spec("PyInstaller"):
        pytest.skip("PyInstaller is not installed")
    tree(photos, "a.jpg", "b.jpg")
    (tmp_path / "app.py").write_text(FROZEN)
    extras = ("boto3", "numpy", "obstore", "pillow_heif", "pylibjxl", "pyvips", "rawpy", "ray")
    build = ["PyInstaller", "--log-level=ERROR", "--collect-submodules=thumbnailer", "app.py"]
    build += [f"--exclude-module={extra}" for extra in extras]  # which take minutes
    subprocess.run(
        [sys.executable, "-m", *build], cwd=tmp_path, check=True, capture_output=True, timeout=200
    )
    app = tmp_path / "dist" / "app" / "app"
    done = subprocess.run([app, photos], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("runs\n2\n", "")
    done = subprocess.run([app, photos, "unsupported"], capture_output=True, text=True, timeout=60)
    assert done.stdout == "runs\n"  # once: it does not start itself again and again
    assert "thumbnailer.freeze_support() has to be called first" in done.stderr
