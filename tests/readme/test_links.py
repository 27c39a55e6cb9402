"""What the README and the documentation point to is there."""

from __future__ import annotations

import re

from readme.blocks import ROOT, names

from bellglass.sandboxes.conformance import CHECKS


def test_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }

    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif "://" not in target:
            assert (ROOT / target).exists(), target


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
