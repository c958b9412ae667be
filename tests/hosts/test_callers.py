"""What belongs to the calling program stays as it is: its fork server, its state, its children."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.pictures import picture, quarters, tree
from support.program import PYTHON_THAT_FORKS

# A fork server's children inherit what it has imported, and the signals that it blocks.
FORK_SERVER = """
import multiprocessing, os, signal, sys

def signals():
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return [*blocked], str(signal.getsignal(signal.SIGINT)).partition(" at ")[0]

def mine(pipe):
    pipe.send((signals(), "PIL" in sys.modules))

def state():
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return dict(os.environ), [*sys.path], blocked, vars(sys.modules["__main__"]).keys()

if __name__ == "__main__":
    from thumbnailer import make_thumbnails

    before = state()
    print(make_thumbnails(sys.argv[1]).made, multiprocessing.active_children())
    assert state() == before
    print(multiprocessing.get_start_method(allow_none=True))
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=mine, args=(theirs,))
    process.start()
    theirs.close()  # so that a child that dies is heard of
    print(ours.recv() == (signals(), False))
    process.join()
"""


def run(script: Path, program: str, *arguments: Path) -> list[str]:
    """The lines that a program prints, which says nothing else."""
    script.write_text(program)
    command = [*PYTHON_THAT_FORKS, *map(str, (script, *arguments))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_its_own_fork_server_has_nothing_of_ours(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    assert run(tmp_path / "script.py", FORK_SERVER, photos) == [
        "1 []",
        "None",
        "True",
    ]


# A child that is forked in the middle of a run, as by a web server, and ends.
CHILD = """
import gc, os, sys
from thumbnailer import WorkerError, iter_thumbnails

outcomes = iter_thumbnails(sys.argv[1], force=True, jobs=2)
made = [next(outcomes)]
child = os.fork()
if child == 0:
    {way}
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
statuses = {{outcome.status for outcome in [*made, *outcomes]}}
print(statuses, len(os.listdir(sys.argv[1] + "/thumbs")))
"""
WAYS = {
    "exits": "sys.exit(0)",
    "lets go of it": "del outcomes; gc.collect(); sys.exit(0)",
    "closes it": "outcomes.close(); sys.exit(0)",
    "goes on with it": """
    try:
        [*outcomes]
    except WorkerError as error:
        assert "belongs to the process" in str(error), error
        sys.exit(0)
    sys.exit(1)""",
    "has one of its own": """
    statuses = {outcome.status for outcome in iter_thumbnails(sys.argv[1])}
    sys.exit(not statuses <= {"made", "current"})""",
}


# A child that is forked while a thread of its parent writes into a ledger, and works there later.
HOLDING = """
import os, sys
from thumbnailer import make_thumbnails
from thumbnailer.disk import files
from thumbnailer.model import Folder
from thumbnailer.thumbs.ledger import ledger_file

make_thumbnails(sys.argv[1])
let_go, told = os.pipe()
with files.open_folder(Folder(sys.argv[1], "thumbs")) as opened, ledger_file._cache_lock:
    with ledger_file.locked(opened):
        child = os.fork()
        if child == 0:
            os.read(let_go, 1)
            report = make_thumbnails(sys.argv[1], force=True)
            os._exit(report.failed)
os.write(told, b".")
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_forked_in_the_middle_of_a_write_works_there(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    assert run(tmp_path / "script.py", HOLDING, photos) == ["0"]


# Children that are forked while a thread of their parent makes a thumbnail, and make their own.
MAKING = """
import os, signal, sys, threading
from PIL import Image, ImageFile
from thumbnailer import make_thumbnail

Image.MAX_IMAGE_PIXELS = 10_000  # for the library, a setting to be raised meanwhile
ends = threading.Event()

def make(source):
    return make_thumbnail(source, size=800, format="jpeg").data

def go_on():
    while not ends.is_set():
        make(sys.argv[1])

def state():
    heif = sys.modules.get("pillow_heif.options")
    return Image.MAX_IMAGE_PIXELS, ImageFile.MAXBLOCK, heif and heif.DECODE_THREADS

# All is imported before: a child that is forked in the middle of an import waits for ever for the
# module, in every Python.
for _ in range(8):
    make(sys.argv[1]), make(sys.argv[2])
before = state()
thread = threading.Thread(target=go_on)
thread.start()
ends_of_children = set()
for _ in range(30):
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        same = state() == before
        os._exit(not same or not make(sys.argv[2]))
    ends_of_children.add(os.waitpid(child, 0)[1])
ends.set()
thread.join()
print(ends_of_children)
"""


@pytest.mark.parametrize(
    ("in_parent", "in_child"),
    [
        ("a.jpg", "a.jpg"),
        ("a.tif", "a.tif"),
        ("a.heic", "a.jpg"),  # libheif itself hangs in 1 of 3,000 such children
    ],
)
def test_children_forked_while_a_thumbnail_is_made_make_theirs(
    photos: Path, tmp_path: Path, in_parent: str, in_child: str
) -> None:
    sources = [photos / in_parent, photos / in_child]
    for source in sources:
        if source.suffix == ".heic":
            pytest.importorskip("pillow_heif").from_pillow(quarters((1200, 1200))).save(source)
        else:
            picture(source, (1200, 1200))
    assert run(tmp_path / "script.py", MAKING, *sources) == ["{0}"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.few(2)
def test_a_child_with_an_open_iterator(photos: Path, tmp_path: Path, way: str) -> None:
    names = [f"{number}.jpg" for number in range(40)]
    tree(photos, *names)
    program = CHILD.format(way=WAYS[way])
    assert run(tmp_path / "script.py", program, photos) == ["0", "{'made'} 41"]
