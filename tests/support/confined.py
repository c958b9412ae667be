"""Run a program with what a unit of systemd takes from it, as far as a process can do so to itself.

    python tests/support/confined.py UNIT PROGRAM ARGUMENT...

That is: system calls, capabilities, memory to write and run, new privileges, and the network, but
nothing that takes mounts. Needs libseccomp, and `systemd-analyze` for the groups of system calls.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE = 24, 38, 65
_CLONE_NEWNET = 0x40000000
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def settings(unit: Path) -> dict[str, list[str]]:
    """The values of each setting of a unit, in order."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def system_calls(filters: list[str]) -> set[str]:
    """The names that `SystemCallFilter=` leaves, if its first line has those that are allowed."""
    words = ["systemd-analyze", "syscall-filter", "--no-pager"]
    shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    groups = {
        name: re.findall(r"^ {4}(\S+)$", members, re.MULTILINE)
        for name, members in re.findall(r"^(@[\w-]+)\n((?: {4}.*\n)*)", shown, re.MULTILINE)
    }

    def expanded(name: str) -> set[str]:
        if not name.startswith("@"):
            return {name}
        return set().union(*map(expanded, groups[name]))

    left = expanded("@default")
    for line in filters:
        names = set().union(*map(expanded, line.removeprefix("~").split()))
        left = left - names if line.startswith("~") else left | names
    return left


def allow_only(names: set[str]) -> None:
    """Answer all other system calls with EPERM from now on."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(_ERRNO | errno.EPERM))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # else this machine has none of that name
            assert library.seccomp_rule_add_array(context, _ALLOW, number, 0, None) == 0
    assert library.seccomp_load(context) == 0


def main(unit: Path, program: list[str]) -> None:
    of_unit = settings(unit)
    names = system_calls(of_unit["SystemCallFilter"])
    libc = ctypes.CDLL(None)
    if os.geteuid() == 0:
        if of_unit["PrivateNetwork"] == ["yes"]:
            assert libc.unshare(_CLONE_NEWNET) == 0
        if of_unit["CapabilityBoundingSet"] == [""]:
            for capability in range(64):
                libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if of_unit["MemoryDenyWriteExecute"] == ["yes"]:
        libc.prctl(_PR_SET_MDWE, 1, 0, 0, 0)  # Linux before 6.3 has none
    if of_unit["NoNewPrivileges"] == ["yes"]:
        assert libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    allow_only(names)
    os.execv(program[0], program)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
