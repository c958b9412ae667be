"""Where tests can't run."""

from __future__ import annotations

import os

import PIL
import pytest

# On a whole file of tests (`pytestmark`), it also keeps this from being imported.
posix_only = pytest.mark.skipif(os.name != "posix", reason="is about POSIX systems")
needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
root_only = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
reads_ycbcr_tiff = pytest.mark.skipif(
    int(PIL.__version__.partition(".")[0]) < 13,
    reason="Pillow before 13 takes an uncompressed YCbCr TIFF for a truncated one",
)
