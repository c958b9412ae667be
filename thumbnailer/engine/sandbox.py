"""What a worker may still do once it holds a stranger's picture: read, and answer.

Landlock, a part of Linux, lets a process give up rights for good. A picture that takes over a
decoder then finds itself in a process that can't write a file, run a program or reach the network.
"""

from __future__ import annotations

import sys


def unavailable_reason() -> str:
    """Why `enter` can't be used here, in words; empty if it can."""
    if sys.platform != "linux":
        return "only Linux has Landlock"
    try:
        import landlockpy
    except ImportError:
        return "the extra is not installed: pip install 'thumbnailer[sandbox]'"
    try:
        if not landlockpy.supported():
            return "this kernel has no Landlock, or it is switched off"
    except OSError as error:  # EPERM: containers may forbid system calls that they do not know
        return f"Landlock is denied here: {error.strerror}"
    return ""


def enter() -> None:
    """Give up, for good, every right that decoding a picture does not need.

    Denied from now on, each from the kernel's Landlock version (ABI) that is given:

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

    Still allowed are reading any file that the user may read, which includes loading modules and
    libraries, and whatever goes through a descriptor that is open already, such as the pipe to the
    parent. Landlock knows no right for these, so they are allowed too: to change the mode, owner,
    times and extended attributes of files, to lock files, to use System V IPC, and to run a program
    out of memory (`memfd_create`), which stays under the same restrictions. Root, or
    whoever has CAP_PERFMON, may still read other processes' environment from Linux 6.15 on.

    It holds for the calling thread and for all threads and processes that it starts later, but not
    for threads that run already: call it before they are started.

    The table is that of https://docs.kernel.org/userspace-api/landlock.html.

    Raises:
        ImportError, OSError: it can't be used, as `available` says, or the process has entered
            sixteen sandboxes before, the most there can be. Nothing is restricted then, except
            that programs run later gain no rights from a set-user-ID bit.
    """
    from landlockpy import AccessFS, Ruleset, Scope

    # Reading is left out of what is handled rather than allowed below `/`: that takes no rule, and
    # no rule covers what no path leads to, such as a file system that is unmounted lazily.
    denied = ~(AccessFS.READ_FILE | AccessFS.READ_DIR)
    with Ruleset(handled_fs=denied, scoped=Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL) as ruleset:
        ruleset.restrict()
