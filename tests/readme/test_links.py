"""Links and paths in the README and the documentation lead somewhere; the index has every page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from readme.blocks import ROOT, names

from bellglass.sandboxes.conformance import CHECKS

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]+`", "", page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page

        assert found.exists(), target
        assert not anchor or anchor in _anchors(found), target


def test_every_page_is_in_the_index() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}

    assert set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs/index.md").read_text())) == pages


def test_where_things_go_names_paths_that_exist() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = page.partition("\n## Where things go\n")[2].partition("\n## ")[0]
    paths = re.findall(r"`([\w.-]+(?:/[\w.-]*)*(?:/|\.(?:py|md|toml|txt)))`", table)

    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_architecture_names_files_that_exist() -> None:
    """A name may leave out the folders that its section is about."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    names_of_files = set(re.findall(r"`([\w./-]+\.(?:py|txt))`", page))
    files = [
        "/" + file.relative_to(ROOT).as_posix()
        for folder in ("agent", "sandboxes", "server", "tests", "tools")
        for file in (ROOT / folder).rglob("*.*")
    ]

    assert len(names_of_files) > 80
    assert [
        name for name in names_of_files if not any(file.endswith("/" + name) for file in files)
    ] == []


def _anchors(page: Path) -> set[str]:
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    }


def test_promises_name_checks_that_exist() -> None:
    """docs/security.md says what proves each promise."""
    known = {check.__name__ for check in CHECKS}
    for file in (ROOT / "tests").rglob("test_*.py"):
        known |= set(re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))
    promises = (ROOT / "docs/security.md").read_text("utf-8").partition("\n## Promises\n")[2]
    proofs = re.findall(r"^\| P\d+ \|.*\|(.*)\|$", promises, re.MULTILINE)

    assert len(proofs) > 20
    for proof in proofs:
        assert names(proof), "a promise without proof"
        assert set(names(proof)) <= known
