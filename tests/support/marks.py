"""Where tests can't run."""

from __future__ import annotations

import os
import shutil
import subprocess

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


def unshared(*namespaces: str) -> tuple[str, ...]:
    """A prefix that gives a command a user namespace and those; the test is skipped without."""
    prefix = ("unshare", "--user", "--map-root-user", *namespaces)
    if not shutil.which("unshare"):
        pytest.skip("needs unshare")
    if refused := subprocess.run([*prefix, "true"], capture_output=True, text=True).stderr:
        pytest.skip(f"no namespace of its own: {refused.strip()}")
    return prefix
