"""What arrives at a service manager's socket, and that none of it can hold a service up."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.marks import posix_only

from thumbnailer.watcher.systemd import notify, notify_reloading, watchdog_interval_seconds

pytestmark = posix_only

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="there is no systemd without Unix sockets"
)


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        yield listener


@pytest.fixture
def address(manager: socket.socket, tmp_path: Path) -> str:
    path = str(tmp_path / "notify")
    manager.bind(path)
    return path


def test_fields_arrive_as_one_datagram(manager: socket.socket, address: str) -> None:
    notify(address, READY=1, STATUS="3 pictures to go")
    assert manager.recv(1000) == b"READY=1\nSTATUS=3 pictures to go"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux has abstract names")
def test_an_abstract_address(manager: socket.socket) -> None:
    name = f"thumbnailer-{os.getpid()}"
    manager.bind(f"\0{name}")
    notify(f"@{name}", STOPPING=1)
    assert manager.recv(1000) == b"STOPPING=1"


def test_a_reload_says_when_it_began(manager: socket.socket, address: str) -> None:
    before = time.monotonic_ns() // 1000
    notify_reloading(address)
    first, second = manager.recv(1000).decode().splitlines()
    assert first == "RELOADING=1"
    name, _, value = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= time.monotonic_ns() // 1000


def test_a_name_in_a_status_adds_no_field(manager: socket.socket, address: str) -> None:
    notify(address, STATUS="failed: a\nSTOPPING=1\r\n.jpg")
    assert manager.recv(1000) == b"STATUS=failed: a STOPPING=1 .jpg"


def test_a_status_is_utf_8_whatever_a_name_is(manager: socket.socket, address: str) -> None:
    notify(address, STATUS="ä" + os.fsdecode(b"\xff"))
    assert manager.recv(1000).decode() == "STATUS=ä\\udcff"


@pytest.mark.parametrize(
    "nobody",
    [None, "", "relative", "vsock:2:1234", "/nowhere/at/all", "@nobody-listens", "/a\0b", "@", "/"],
)
def test_where_nobody_listens_nothing_happens(nobody: str | None) -> None:
    notify(nobody, READY=1)
    notify("/" + "long" * 100, READY=1)


def test_a_manager_that_reads_nothing_holds_nobody_up(manager: socket.socket, address: str) -> None:
    for _ in range(1000):  # many more than a socket's queue holds
        notify(address, WATCHDOG=1)
    manager.settimeout(0)
    read = 0
    with suppress(BlockingIOError):
        while manager.recv(1000) == b"WATCHDOG=1":
            read += 1
    assert 0 < read < 1000


def test_the_watchdog_is_fed_twice_in_its_time() -> None:
    assert watchdog_interval_seconds("30000000", str(os.getpid())) == 15
    assert watchdog_interval_seconds("1000000", None) == 0.5


@pytest.mark.parametrize(
    ("usec", "pid"),
    [(None, None), ("", ""), ("0", None), ("-5", None), ("soon", None), ("30000000", "1")],
)
def test_no_watchdog_waits_for_this_process(usec: str | None, pid: str | None) -> None:
    assert watchdog_interval_seconds(usec, pid) is None
