"""A disk that does not answer for a while, as a network file system whose server is away."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

# The command line, in which calls that ask about a path wait as long as a file is there. Its first
# argument is that file, its second the path, its third changes constants of modules.
_PROGRAM = """
import importlib, os, sys, time

held, path, changes = sys.argv[1:4]
del sys.argv[1:4]
for change in filter(None, changes.split(",")):
    name, _, value = change.partition("=")
    module, _, constant = name.rpartition(".")
    assert hasattr(importlib.import_module(module), constant), name
    setattr(importlib.import_module(module), constant, float(value))
stat = os.stat

def place(what, dir_fd):
    name = "" if isinstance(what, int) else os.fsdecode(what)
    number = what if isinstance(what, int) else dir_fd
    return name if number is None else os.path.join(os.readlink(f"/proc/self/fd/{number}"), name)

def waits():
    try:
        stat(held)
    except FileNotFoundError:
        return False
    return True

def slow(call):
    def asked(what=".", *arguments, **options):
        where = place(what, options.get("dir_fd"))
        if (where + "/").startswith(path + "/"):
            while waits():
                time.sleep(0.01)
        return call(what, *arguments, **options)
    return asked

for name in ("stat", "lstat", "scandir", "listdir", "open"):
    call = getattr(os, name)
    asked = slow(call)
    for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if call in known:
            known.add(asked)
    setattr(os, name, asked)

from thumbnailer.__main__ import main
sys.exit(main())
"""


def on_slow_disk(held: Path, path: Path | str, changes: Mapping[str, float]) -> list[str]:
    """The command line where `path`, and what is below it, does not answer while `held` is there.

    Args:
        changes: values of constants, by module and name.
    """
    values = ",".join(f"{name}={value}" for name, value in changes.items())
    return [sys.executable, "-c", _PROGRAM, str(held), str(path), values]
