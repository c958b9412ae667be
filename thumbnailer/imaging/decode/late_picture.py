"""Pictures that another library than Pillow decodes, as Pillow images."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageFile


class LatePicture(ImageFile.ImageFile):
    """An image whose pixels come from another library when they are asked for."""

    _is_decoded = False

    def _decode(self) -> Image.Image:
        """Return the pixels; their mode and size become those of the image."""
        raise NotImplementedError

    def load(self) -> Any:
        """Decode the picture, the first time."""
        if not self._is_decoded:
            picture = self._decode()
            self.im, self._mode, self._size = picture.im, picture.mode, picture.size
            self._is_decoded = True
        return super().load()
