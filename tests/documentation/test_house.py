"""The house is as the README draws it, and can be seen at a glance."""

from __future__ import annotations

import re
import tomllib

from support.pages import block
from support.project import PROJECT


def test_the_house_is_drawn_as_its_contract_has_it() -> None:
    house = block("SOURCE... ──▶ scan")
    steps = re.findall(r"──▶ (\w+)", house.first_line)
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = re.findall(r"\w+", " ".join(contracts["contracts"][0]["layers"]))
    packages = [name for name in layers if (PROJECT / "thumbnailer" / name).is_dir()]
    assert [line.split()[0] for line in house.lines[1:] if line] == packages
    for step in steps:
        where = [line for line in house.lines[1:] if re.search(rf"\b{step}\b", line)]
        assert where, step


def test_each_package_says_what_it_is_for_and_can_be_seen_at_a_glance() -> None:
    package = PROJECT / "thumbnailer"
    folders = [path.parent for path in package.rglob("__init__.py")]
    for folder in folders:
        names = [path.name for path in folder.glob("*.py")]
        assert len(names) <= (10 if folder == package else 12), (folder, len(names))
        if folder != package:
            assert len((folder / "__init__.py").read_text().splitlines()) == 1, folder
