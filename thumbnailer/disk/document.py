"""A file that is written whole or not at all, at a path that the user named."""

from __future__ import annotations

import errno
import os

from thumbnailer.disk import files, new_files
from thumbnailer.model import Folder


class FileDocument:
    """See `door.Document`."""

    def __init__(self, path: str) -> None:
        self._folder, self._name = os.path.split(path)
        self.folder = os.path.abspath(self._folder)

    def first_bytes(self, most: int) -> bytes | None:
        if not self._name:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return self._read(most)

    def read(self) -> bytes:
        return self._read() or b""

    def write(self, data: bytes) -> bool:
        with files.open_folder(Folder(self._folder, ""), to_list=False) as opened:
            new_files.replace(opened, self._name, data)
        return True

    def _read(self, most: int = -1) -> bytes | None:
        with files.open_folder(Folder(self._folder, ""), to_list=False) as opened:
            try:
                return files.read(opened, self._name, most)
            except FileNotFoundError:
                return None
