"""What an ICC profile calls itself."""

from __future__ import annotations

import io

from PIL import ImageCms


def profile_name(profile: bytes) -> str | None:
    """The description in an ICC profile; None if it makes no sense."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return (opened.profile.profile_description or "unnamed").strip()
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
