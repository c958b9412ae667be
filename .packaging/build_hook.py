"""Put the manual page and the completion scripts into the wheel, generated from the options."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Where shells look, below the `share` of a prefix.
COMPLETIONS = {
    "bash": "bash-completion/completions/thumbnailer",
    "fish": "fish/vendor_completions.d/thumbnailer.fish",
    "zsh": "zsh/site-functions/_thumbnailer",
}


class SharedFiles(BuildHookInterface):  # type: ignore[type-arg]
    """Hook of hatchling; an editable installation gets no such files, as they would go stale."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate the files."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from thumbnailer.cli.help.completion import completion
        from thumbnailer.cli.help.manpage import manual_page

        texts = {"man/man1/thumbnailer.1": manual_page()}
        texts |= {place: completion(shell) for shell, place in COMPLETIONS.items()}
        self._folder = tempfile.TemporaryDirectory()
        for place, text in texts.items():
            path = Path(self._folder.name, place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            build_data["shared_data"][str(path)] = f"share/{place}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was generated."""
        if version != "editable":
            self._folder.cleanup()
