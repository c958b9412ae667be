"""A real Ray cluster of several nodes on this machine, each in a network namespace of its own.

    head, without processors ── bridge ─┬─ node 1
                                        └─ node 2

What it takes: `ip netns`, and the rights of root. The commands are those of the page `cluster`.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from support.program import THUMBNAILER, Run
from support.project import TESTS
from support.s3_server import ENVIRONMENT
from support.waiting import eventually

PORT = 6379
_BIN = Path(sys.executable).parent
_CLONE_NEWNET = 0x40000000  # unshare(2)

# One for all: a program that has been in a cluster reads it once.
_TOKEN = secrets.token_hex(16)


def hindrance() -> str:
    """Why there can be no cluster here, or ""."""
    if not find_spec("ray"):
        return "the extra ray is not installed"
    if not shutil.which("ip") or os.geteuid():
        return "network namespaces need `ip` and root"
    probe = f"thumbnailer-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode:
        return "network namespaces can't be made here"
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return ""


class Node:
    """A node in its namespace; `processors` is 0 for one that only heads the others."""

    def __init__(self, cluster: Network, number: int) -> None:
        self.space = f"{cluster.name}-{number}"
        self.address = f"{cluster.subnet}.{number + 1}"
        self._cluster, self._number = cluster, number

    def start(self, *arguments: str, before: str = "", **environment: str) -> None:
        """`ray start`; `before` is a line of shell that goes first, with mounts of its own."""
        line = ["ray", "start", *arguments, f"--node-ip-address={self.address}"]
        line += ["--object-store-memory=80000000", "--disable-usage-stats"]
        shell = ["sh", "-c", f'{before or ":"} && exec "$@"', "sh"]
        done = subprocess.run(
            ["ip", "netns", "exec", self.space, *shell, *line],
            env=self._cluster.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not done.returncode, done.stdout + done.stderr

    def join(self, processors: int = 1, before: str = "", **environment: str) -> None:
        head = f"--address={self._cluster.head.address}:{PORT}"
        self.start(head, f"--num-cpus={processors}", before=before, **environment)

    @property
    def pids(self) -> list[int]:
        """All processes in the namespace."""
        done = subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True)
        return list(map(int, done.stdout.split()))

    def processes(self, *words: str) -> list[int]:
        """Those whose command line has one of the words."""
        found = []
        for pid in self.pids:
            with suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                if any(word in line for word in words):
                    found.append(pid)
        return found

    def kill(self, *words: str, number: int = signal.SIGKILL) -> None:
        """End the whole node at once, or those of its processes; or send them another signal.

        Those that are killed are gone when it returns: `mend` asks what is still there.
        """
        pids = self.processes(*words) if words else self.pids
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGKILL:
            eventually(lambda: not set(pids) & set(self.pids))

    def is_rid_of(self, *words: str) -> None:
        """Wait until none of its processes, or of those with one of the words, is there."""
        eventually(lambda: not (self.processes(*words) if words else self.pids), 30)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let this thread, and those that it starts, be in the node's namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.space}") as there:
            assert libc.setns(there.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(home.fileno(), _CLONE_NEWNET) == 0


class Network:
    """The namespaces, and what programs in them need to know of the cluster."""

    def __init__(self, workers: int) -> None:
        self.name = f"tn{os.getpid()}"
        # One of its own: `ray start` takes any process of the machine that says it is at an address
        # for the one that is there.
        self.subnet = f"10.77.{os.getpid() % 250}"
        self.folder = Path(tempfile.mkdtemp(prefix="tn"))  # a short path: it holds sockets
        self.folder.chmod(0o755)
        self.environment = {
            **os.environ,
            **ENVIRONMENT,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": _TOKEN,
            "RAY_TMPDIR": str(self.folder),
            "PATH": f"{_BIN}:{os.environ['PATH']}",
            "PYTHONPATH": str(TESTS),
        }
        self.head = Node(self, 0)
        self.workers = [Node(self, number) for number in range(1, workers + 1)]
        head = self.head.space
        for space in (head, *(node.space for node in self.workers)):
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", head, "link", "add", "bridge", "type", "bridge")
        _ip("-n", head, "addr", "add", f"{self.head.address}/24", "dev", "bridge")
        _ip("-n", head, "link", "set", "bridge", "up")
        for node in self.workers:
            wire = f"to-{node.space[-1]}"
            _ip(
                "link",
                "add",
                "eth0",
                "netns",
                node.space,
                "type",
                "veth",
                "peer",
                wire,
                "netns",
                head,
            )
            _ip("-n", head, "link", "set", wire, "master", "bridge", "up")
            _ip("-n", node.space, "addr", "add", f"{node.address}/24", "dev", "eth0")
            _ip("-n", node.space, "link", "set", "eth0", "up")

    @property
    def address(self) -> str:
        return f"{self.head.address}:{PORT}"

    def start(self) -> None:
        self.head.start("--head", f"--port={PORT}", "--num-cpus=0", "--include-dashboard=false")
        for node in self.workers:
            node.join()

    def mend(self) -> None:
        """Start what is not there: nodes, or all if the head is not."""
        if not self.head.processes("gcs_server"):
            for node in (self.head, *self.workers):
                node.kill()
                node.is_rid_of()
            self.start()
        for node in self.workers:
            if not node.processes("raylet/raylet"):
                node.kill()
                node.join()

    def started(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """The program on the head."""
        line: Sequence[str | Path] = [
            "ip", "netns", "exec", self.head.space, *THUMBNAILER, *arguments
        ]  # fmt: skip
        environment = self.environment | options.pop("environment", {})
        return subprocess.Popen(
            line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )

    def run(self, *arguments: str | Path, **options: Any) -> Run:
        process = self.started(*arguments, **options)
        out, err = process.communicate(timeout=120)
        assert b"Traceback" not in err
        return Run(process.returncode, out.decode(), err.decode())

    def close(self) -> None:
        for node in (self.head, *self.workers):
            node.kill()
            node.is_rid_of()
            _ip("netns", "del", node.space)
        shutil.rmtree(self.folder, ignore_errors=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@contextmanager
def cluster() -> Iterator[Network]:
    """A cluster of two nodes with one processor each, and its head."""
    network = Network(2)
    try:
        network.start()
        yield network
    finally:
        network.close()
