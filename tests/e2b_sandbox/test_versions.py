"""Supported and unsupported versions of the SDK."""

from __future__ import annotations

import logging
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from e2b_sandbox.support import on

from bellglass.sandboxes.backends.e2b import versions
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from e2b_double import Double


def install(folder: Path, e2b: str, interpreter: str) -> None:
    """Have these be the versions that are installed, as far as anybody can ask."""
    for name, number in (("e2b", e2b), ("e2b_code_interpreter", interpreter)):
        info = folder / f"{name}-{number}.dist-info"
        info.mkdir()
        needs = "" if name == "e2b" else "Requires-Dist: e2b>=2.44.0,<3.0.0\n"
        needs = needs.replace("2.44.0", "2.55.1") if number >= "2.11" else needs
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n{needs}"
        (info / "METADATA").write_text(text)


@pytest.mark.parametrize(
    ("e2b", "interpreter", "reason"),
    [
        ("2.39.0", "2.10.0", "e2b before 2.50 is known to fail"),
        ("2.63.0", "1.5.2", "e2b-code-interpreter before 2.10 is known to fail"),
        ("3.0.0", "2.11.5", "e2b 3 has another interface"),
        ("2.50.0", "2.11.5", "e2b-code-interpreter 2.11.5 needs e2b"),
        ("nonsense", "2.11.5", "no readable version"),
    ],
)
async def test_a_pair_that_will_not_do_is_refused_before_anything_is_sent(
    shared_double: Double,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    e2b: str,
    interpreter: str,
    reason: str,
) -> None:
    install(tmp_path, e2b, interpreter)
    monkeypatch.syspath_prepend(tmp_path)
    asked = len(shared_double.engine.faults.requests)
    with pytest.raises(SandboxUnavailable, match=reason) as refusal:
        await on(shared_double).start()

    assert f"e2b {e2b}, e2b-code-interpreter {interpreter}" in str(refusal.value)
    assert 'pip install "e2b==2.63.0" "e2b-code-interpreter==2.11.5"' in str(refusal.value)
    assert len(shared_double.engine.faults.requests) == asked


@pytest.mark.parametrize(
    ("e2b", "interpreter", "warned"),
    [("2.50.0", "2.10.0", False), ("2.63.0", "2.11.5", False), ("2.64.0rc1", "2.12.0", True)],
)
async def test_a_pair_that_may_do_is_used_and_logged(
    shared_double: Double,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    e2b: str,
    interpreter: str,
    warned: bool,
) -> None:
    install(tmp_path, e2b, interpreter)
    monkeypatch.syspath_prepend(tmp_path)
    with caplog.at_level(logging.INFO, "bellglass"):
        await on(shared_double).start()
        findings = await on(shared_double).diagnose()

    assert f"e2b {e2b}, e2b-code-interpreter {interpreter}" in caplog.text
    assert ("was not tested" in caplog.text) == warned
    [sdk] = [finding for finding in findings if finding.what == "SDK"]
    assert sdk.holds != warned
    assert sdk.detail.startswith(f"e2b {e2b}, e2b-code-interpreter {interpreter}")


def test_what_is_tested_is_what_is_said_to_be() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    needs = (need.partition("==") for need in project["dependency-groups"]["dev"])

    assert tuple(number for _, _, number in needs if number) == versions.TESTED
