"""Landlock sandbox for worker processes, which decode untrusted pictures.

Landlock, a part of Linux, lets a process give up rights permanently. A picture that exploits a
decoder then controls a process that can't write a file, run a program or reach the network.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from thumbnailer.errors import WorkerError, install_hint


def prepare() -> None:
    """Do once, before workers are forked, what `enter` needs; no error if it can't be used here."""
    with suppress(ImportError, OSError):
        import landlockpy

        landlockpy.supported()


def unavailable_reason() -> str:
    """Return why `enter` can't be used here, in words; empty if it can."""
    if sys.platform != "linux":
        return "only Linux has Landlock"
    try:
        import landlockpy
    except ImportError:
        return f"the extra is not installed: {install_hint('sandbox')}"
    try:
        if not landlockpy.supported():
            return "this kernel has no Landlock, or it is switched off"
    except OSError as error:  # EPERM: a container may forbid system calls unknown to it
        return f"Landlock is denied here: {error.strerror}"
    return ""


def check_required(mode: str) -> None:
    """Check that `enter` can be used here, if the setting `sandbox` requires it.

    Raises:
        WorkerError: it can't.
    """
    if mode == "require" and (reason := unavailable_reason()):
        raise WorkerError(f"the sandbox that is required can't be had: {reason}")


def enter() -> None:
    """Give up permanently every right that decoding a picture does not need.

    Denied from now on, each if the kernel's Landlock version (ABI) is at least the one given:

    ===  ======  ===========================================================================
    ABI  Linux
    ===  ======  ===========================================================================
    1    5.13    opening files to write, creating, linking, renaming and removing them, of
                 any kind; running programs; looking into processes outside, as debuggers do
    3    6.2     truncating files by their path
    4    6.7     TCP: to bind and to connect
    5    6.10    commands to devices (ioctl)
    6    6.12    signals to processes outside; connecting to their abstract Unix sockets
    9    7.1     connecting to Unix sockets outside that have a path
    10   7.2     UDP: to bind, to connect and to send
    ===  ======  ===========================================================================

    Still allowed: to read any file that the user may read, which includes loading modules and
    libraries, and to use descriptors that are already open, such as the pipe to the parent.
    Also allowed, as Landlock has no right for them: to change the mode, owner, times and extended
    attributes of files, to lock files, to use System V IPC, and to run a program from memory
    (`memfd_create`), which stays under the same restrictions. From Linux 6.15 on, root and
    processes with CAP_PERFMON may still read other processes' environment.

    The restrictions apply to the calling thread and to all threads and processes that it starts
    later, but not to threads that already run: call this before they start.

    Source of the table: https://docs.kernel.org/userspace-api/landlock.html.

    Raises:
        ImportError, OSError: it can't be used, as `unavailable_reason` says, or the process has
            entered sixteen sandboxes before, the largest possible number. Then nothing is
            restricted, except that programs run later gain no rights from a set-user-ID bit.
    """
    from landlockpy import AccessFS, Ruleset, Scope

    # Reading is not handled at all, rather than handled and allowed below `/`. This needs no rule,
    # and no rule would cover files without a path, such as those of a lazily unmounted file system.
    denied = ~(AccessFS.READ_FILE | AccessFS.READ_DIR)
    with Ruleset(handled_fs=denied, scoped=Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL) as ruleset:
        ruleset.restrict()
