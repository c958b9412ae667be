"""What the processes of the sandbox tests do: in a module that they can import."""

from __future__ import annotations

import ctypes
import struct
import threading
from pathlib import Path

from support.sandbox_escapes import Scene
from thumbnailer.engine import sandbox
from thumbnailer.recipe import Box, Limits, Recipe
from thumbnailer.render.steps import render_pictures

LIMITS = Limits(10**6, 60, 2**30)


def encoded(source: Path, format: str) -> bytes:
    with source.open("rb") as file:
        (made,), _ = render_pictures(file, [(Recipe(box=Box(48, 48), format=format), ())], LIMITS)
        return made.data


def enter_beside_a_thread(scene: Scene) -> None:
    """Enter the sandbox while another thread runs, which then writes to the file."""
    entered = threading.Event()

    def other() -> None:
        entered.wait()
        scene.file.write_bytes(b"spoilt")

    thread = threading.Thread(target=other)
    thread.start()
    sandbox.enter()
    entered.set()
    thread.join()


def refuse_landlock(error: int) -> None:
    """Let this process's kernel answer the first call of Landlock with an error, by seccomp(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    landlock_create_ruleset = 444  # on every machine but Alpha
    load_number, if_equal, answer = 0x20, 0x15, 0x06
    steps = [(load_number, 0, 0, 0), (if_equal, 0, 1, landlock_create_ruleset)]
    steps += [(answer, 0, 0, 0x0005_0000 | error), (answer, 0, 0, 0x7FFF_0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    filter = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    set_no_new_privs, set_seccomp, by_filter = 38, 22, 2
    assert libc.prctl(set_no_new_privs, 1, 0, 0, 0) == 0
    assert libc.prctl(set_seccomp, by_filter, filter, 0, 0) == 0
