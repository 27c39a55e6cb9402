"""The shape of the source: no import cycle, no long file, no crowded folder."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDERS = ("server", "tools", "sandboxes", "agent")
MAX_LINES = 300
MAX_FILES = 20


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("bellglass", *parts)).removesuffix(".__init__")


PATHS = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
MODULES = {_module(path): path for path in PATHS}


def test_no_imports_go_in_a_circle_not_even_those_of_types() -> None:
    graph = {module: set(_imported(path)) - {module} for module, path in MODULES.items()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        pytest.fail(" <- ".join(exc.args[1]))


def test_no_file_is_longer_than_can_be_read_in_one_sitting() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in PATHS}

    assert {str(path): count for path, count in lines.items() if count > MAX_LINES} == {}


def test_no_folder_has_more_files_than_can_be_seen_at_once() -> None:
    counts = {path.parent: len(list(path.parent.glob("*.py"))) for path in PATHS}

    assert {str(folder): count for folder, count in counts.items() if count > MAX_FILES} == {}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                imported = submodule if submodule in MODULES else node.module
                if imported in MODULES:
                    yield imported
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
