"""`make release` refuses what should not be released."""

import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from readme.blocks import ROOT

CHANGES = "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-01-02\n\n### Added\n\n- A thing.\n"


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", folder, *author, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository that can be released."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "server.json").write_text('{"version": "1.2.3"}')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "All of it")
    git(tmp_path, "tag", "v1.2.3")
    return tmp_path


def complaints(repository: Path) -> list[str]:
    found: list[str] = runpy.run_path(str(ROOT / "bundle/release.py"))["complaints"](repository)
    return found


def test_what_is_in_order_is_released(repository: Path) -> None:
    assert complaints(repository) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda root: (root / "new").write_text(""), "changed or not known to git"),
        (lambda root: git(root, "tag", "-d", "v1.2.3"), "no tag v1.2.3"),
        (
            lambda root: (root / "CHANGELOG.md").write_text(CHANGES.replace("1.2.3", "1.2.2")),
            'nothing under "## 1.2.3 - YYYY-MM-DD"',
        ),
        (
            lambda root: (root / "CHANGELOG.md").write_text(
                CHANGES.replace("Unreleased\n", "Unreleased\n\n- More.\n")
            ),
            'changes under "Unreleased"',
        ),
        (
            lambda root: (root / "server.json").write_text('{"version": "1.2.2"}'),
            "server.json has another version",
        ),
        (
            lambda root: (root / "pyproject.toml").write_text('[project]\nversion = "1.2"\n'),
            "not of the form X.Y.Z",
        ),
    ],
)
def test_what_is_not_in_order_is_refused(
    repository: Path, spoil: Callable[[Path], object], told: str
) -> None:
    spoil(repository)

    assert any(told in complaint for complaint in complaints(repository))
