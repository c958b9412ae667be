"""What a picture that has taken over its worker might try, each as a function of a Scene."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scene:
    """What there is to harm.

    Attributes:
        folder: holds `file`, `other/` and `empty/`.
        tcp: the address of a server.
        udp: the address of a datagram socket.
        abstract, named: the addresses of Unix sockets that listen.
    """

    folder: Path
    tcp: tuple[str, int]
    udp: tuple[str, int]
    abstract: str
    named: str

    @property
    def file(self) -> Path:
        return self.folder / "file"


def write(scene: Scene) -> None:
    scene.file.open("r+b").close()


def append(scene: Scene) -> None:
    scene.file.open("ab").close()


def create(scene: Scene) -> None:
    (scene.folder / "new").touch()


def create_device(scene: Scene) -> None:
    os.mkfifo(scene.folder / "fifo")


def make_folder(scene: Scene) -> None:
    (scene.folder / "new folder").mkdir()


def remove_folder(scene: Scene) -> None:
    (scene.folder / "empty").rmdir()


def rename(scene: Scene) -> None:
    scene.file.rename(scene.folder / "renamed")


def move(scene: Scene) -> None:
    scene.file.rename(scene.folder / "other" / "moved")


def hard_link(scene: Scene) -> None:
    (scene.folder / "hard").hardlink_to(scene.file)


def link_elsewhere(scene: Scene) -> None:
    (scene.folder / "other" / "hard").hardlink_to(scene.file)


def symlink(scene: Scene) -> None:
    (scene.folder / "soft").symlink_to(scene.file)


def remove(scene: Scene) -> None:
    scene.file.unlink()


def truncate(scene: Scene) -> None:
    os.truncate(scene.file, 0)


def make_socket(scene: Scene) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(scene.folder / "socket"))


def run_program(scene: Scene) -> None:
    subprocess.run(["true"], check=True)


def look_into_parent(scene: Scene) -> None:
    # Neither file serves for all: from Linux 6.15 on root may read the environment of any process,
    # and where Yama is set up others may not attach to their parent, sandbox or not.
    name = "mem" if os.geteuid() == 0 else "environ"
    Path(f"/proc/{os.getppid()}/{name}").open("rb").close()


def connect_tcp(scene: Scene) -> None:
    socket.create_connection(scene.tcp).close()


def serve_tcp(scene: Scene) -> None:
    socket.create_server(("127.0.0.1", 0)).close()


def command_device(scene: Scene) -> None:
    get_entropy_count = 0x80045200  # RNDGETENTCNT, random(4): every user may
    with open("/dev/urandom", "rb") as device:
        fcntl.ioctl(device, get_entropy_count, b"\0\0\0\0")


def signal_parent(scene: Scene) -> None:
    os.kill(os.getppid(), 0)


def connect_abstract(scene: Scene) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(scene.abstract)


def connect_named(scene: Scene) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.path.relpath(scene.named))


def send_udp(scene: Scene) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"secret", scene.udp)


def create_in_new_thread(scene: Scene) -> None:
    errors: list[OSError] = []

    def attempt() -> None:
        try:
            create(scene)
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    for error in errors:
        raise error


# With the first version of Landlock (ABI) that can prevent it.
ESCAPES: dict[Callable[[Scene], None], int] = {
    write: 1,
    append: 1,
    create: 1,
    create_device: 1,
    make_folder: 1,
    remove_folder: 1,
    rename: 1,
    move: 1,
    hard_link: 1,
    link_elsewhere: 1,
    symlink: 1,
    make_socket: 1,
    run_program: 1,
    look_into_parent: 1,
    create_in_new_thread: 1,
    remove: 1,
    truncate: 3,
    connect_tcp: 4,
    serve_tcp: 4,
    command_device: 5,
    signal_parent: 6,
    connect_abstract: 6,
    connect_named: 9,
    send_udp: 10,
}
