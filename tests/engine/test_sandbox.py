"""A process that has entered the sandbox can read pictures and answer, and do no harm."""

from __future__ import annotations

import errno
import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import ImageCms
from support.marks import posix_only
from support.pictures import files_below, picture, tree
from support.pools import answers
from support.program import in_a_process, make
from support.sandbox_escapes import ESCAPES, Scene, write
from support.sandbox_work import encoded, enter_beside_a_thread, refuse_landlock

from thumbnailer.engine import sandbox
from thumbnailer.errors import install_hint
from thumbnailer.model import Failure

pytestmark = posix_only

REASON = sandbox.unavailable_reason()
needs_sandbox = pytest.mark.skipif(bool(REASON), reason=REASON)

FORMATS = ["jpg", "png", "webp", "gif", "bmp", "tif", "avif"]
LINUX = sys.platform == "linux"


def process(initializer: Callable[[], None] | None) -> ProcessPoolExecutor:
    """A fresh process; only `initializer` and what it imports is there before its first task."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer)


@pytest.fixture(scope="module")
def inside() -> Iterator[ProcessPoolExecutor]:
    """A process in the sandbox."""
    with process(sandbox.enter) as executor:
        yield executor


@pytest.fixture(scope="module")
def outside() -> Iterator[ProcessPoolExecutor]:
    """A process like the other, but free."""
    with process(None) as executor:
        yield executor


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "file").write_bytes(b"precious")
    (tmp_path / "other").mkdir()
    (tmp_path / "empty").mkdir()
    with ExitStack() as stack:

        def listen(family: int, kind: int, address: object) -> socket.socket:
            server = stack.enter_context(socket.socket(family, kind))
            server.bind(address)  # type: ignore[arg-type]
            if kind == socket.SOCK_STREAM:
                server.listen()
            return server

        tcp = listen(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        udp = listen(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        abstract = f"\0thumbnailer-{os.urandom(8).hex()}"
        listen(socket.AF_UNIX, socket.SOCK_STREAM, abstract)
        named = str(tmp_path / "named")
        # Relative, since the address of a Unix socket has 108 bytes at most.
        listen(socket.AF_UNIX, socket.SOCK_STREAM, os.path.relpath(named))
        yield Scene(tmp_path, tcp.getsockname(), udp.getsockname(), abstract, named)


@needs_sandbox
@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.__name__)
def test_there_is_no_way_out(
    scene: Scene,
    inside: ProcessPoolExecutor,
    outside: ProcessPoolExecutor,
    escape: Callable[[Scene], None],
) -> None:
    import landlockpy

    abi = landlockpy.abi_version()
    if abi < ESCAPES[escape]:
        pytest.skip(f"Landlock can prevent it from ABI {ESCAPES[escape]} on; this kernel has {abi}")
    before = files_below(scene.folder)
    with pytest.raises(OSError) as caught:  # noqa: PT011
        inside.submit(escape, scene).result(60)
    assert caught.value.errno in (errno.EACCES, errno.EPERM, errno.EXDEV)
    assert files_below(scene.folder) == before
    assert scene.file.read_bytes() == b"precious"
    outside.submit(escape, scene).result(60)  # so it was the sandbox that prevented it


@needs_sandbox
@pytest.mark.parametrize("wish", ["auto", "require"])
def test_every_worker_is_in_it(scene: Scene, wish: str) -> None:
    port = scene.tcp[1]
    names = [f"write {scene.file}", "run true", f"connect {port}"] * 4
    reasons = dict(answers(*names, sandbox=wish))
    for name in names:
        error = reasons[name]
        assert isinstance(error, Failure)
        assert "PermissionError" in error.reason
    assert scene.file.read_bytes() == b"precious"


def test_workers_may_be_left_outside(scene: Scene) -> None:
    names = [f"write {scene.file}", "run true", f"connect {scene.tcp[1]}"]
    assert not [said for _, said in answers(*names, sandbox="off") if isinstance(said, Failure)]
    assert scene.file.read_bytes() == b"escaped"


@needs_sandbox
def test_a_run_that_requires_it_has_it(photos: Path) -> None:
    tree(photos, *(f"a.{ending}" for ending in FORMATS))
    assert make(photos, "--sandbox", "require").summary["made"] == len(FORMATS)


def test_a_run_that_requires_it_does_not_start_without(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    (tmp_path / "landlockpy.py").write_text("raise ImportError")
    run = in_a_process("make", "--sandbox", "require", photos, PYTHONPATH=str(tmp_path))
    install = f"the extra is not installed: {install_hint('sandbox')}"
    reason = install if LINUX else "only Linux has Landlock"
    assert run.err == f"thumbnailer: the sandbox that is required can't be had: {reason}\n"
    assert (run.code, run.out) == (1, "")
    assert files_below(photos) == {"a.jpg"}
    assert in_a_process("make", photos, PYTHONPATH=str(tmp_path)).code == 0


@needs_sandbox
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_thumbnails_come_out_the_same(
    tmp_path: Path, inside: ProcessPoolExecutor, ending: str, format: str
) -> None:
    source = picture(tmp_path / f"a.{ending}")
    assert inside.submit(encoded, source, format).result(60) == encoded(source, format)


@needs_sandbox
def test_colour_profiles_and_16_bit_come_out_the_same(
    tmp_path: Path, inside: ProcessPoolExecutor
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    sources = [
        picture(tmp_path / "srgb.jpg", icc_profile=srgb),
        picture(tmp_path / "lab.tif", mode="LAB", icc_profile=profile),
        picture(tmp_path / "cmyk.jpg", mode="CMYK"),
        picture(tmp_path / "deep.png", mode="I;16"),
        picture(tmp_path / "lzw.tif", compression="tiff_lzw"),
    ]
    for source in sources:
        assert inside.submit(encoded, source, "png").result(60) == encoded(source, "png")


@needs_sandbox
def test_modules_and_libraries_can_be_loaded_later(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.avif")
    code = (
        "import io, sys; from thumbnailer.engine import sandbox; sandbox.enter();"
        "assert not any(name.startswith('PIL') for name in sys.modules);"
        "from thumbnailer.recipe import *; from thumbnailer.render.steps import render_pictures;"
        "recipe, limits = Recipe(box=Box(48, 48), format='png'), Limits(10**6, 60, 2**30);"
        "(made,), _ = render_pictures(open(sys.argv[1], 'rb'), [(recipe, ())], limits);"
        "sys.stdout.buffer.write(made.data)"
    )
    done = subprocess.run([sys.executable, "-c", code, source], capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (encoded(source, "png"), b"")


@needs_sandbox
def test_real_pictures_come_out_the_same(corpus: Path, inside: ProcessPoolExecutor) -> None:
    sources = sorted(path for path in (corpus / "formats").rglob("*") if path.is_file())
    assert sources
    for source in sources:
        try:
            expected = encoded(source, "webp")
        except Exception:
            continue
        assert inside.submit(encoded, source, "webp").result(60) == expected


@needs_sandbox
def test_what_is_open_already_goes_on_working() -> None:
    code = (
        "import os; from thumbnailer.engine import sandbox; sandbox.enter(); os.write(1, b'answer')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"answer", b"")


@needs_sandbox
def test_a_thread_that_runs_already_stays_free(scene: Scene) -> None:
    with process(None) as executor:
        executor.submit(enter_beside_a_thread, scene).result(60)
        assert scene.file.read_bytes() == b"spoilt"
        with pytest.raises(PermissionError):
            executor.submit(write, scene).result(60)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has seccomp")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errno.ENOSYS, "this kernel has no Landlock, or it is switched off"),
        (errno.EOPNOTSUPP, "this kernel has no Landlock, or it is switched off"),
        (errno.EPERM, "Landlock is denied here: Operation not permitted"),
    ],
)
def test_where_landlock_is_refused_the_reason_is_said(error: int, reason: str) -> None:
    pytest.importorskip("landlockpy")
    with process(None) as executor:
        executor.submit(refuse_landlock, error).result(60)
        assert executor.submit(sandbox.unavailable_reason).result(60) == reason
        with pytest.raises(OSError):  # noqa: PT011
            executor.submit(sandbox.enter).result(60)


def test_without_the_extra_the_reason_is_said() -> None:
    code = (
        "import sys; sys.modules['landlockpy'] = None;"
        "from thumbnailer.engine import sandbox; print(sandbox.unavailable_reason())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    install = f"the extra is not installed: {install_hint('sandbox')}"
    expected = install if LINUX else "only Linux has Landlock"
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_where_the_extra_is_missing_the_fork_server_does_not_look_for_its_name() -> None:
    """It takes 15 ms of each start to read what is installed."""
    code = (
        "import sys; sys.modules['landlockpy'] = None; "
        "import thumbnailer.engine.processes.fork_server_main; "
        "print('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"
