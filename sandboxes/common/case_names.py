"""Names of the cases of `run_tests`."""

from __future__ import annotations

from typing import Any

from bellglass.sandboxes.common.text import shortened


def names_of(cases: list[dict[str, Any]]) -> list[str]:
    return [f"case {number}: {_title(case)}" for number, case in enumerate(cases, 1)]


def _title(case: dict[str, Any]) -> str:
    return str(case["call"]) if "call" in case else f"stdin {shortened(case['stdin'], 60)!r}"
