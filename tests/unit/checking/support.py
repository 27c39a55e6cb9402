"""Run a check as the supervisor does, without a sandbox."""

from __future__ import annotations

from typing import Any

from bellglass.tools.validate_code.inside import check


def checked(code: str, language: str = "python") -> dict[str, Any]:
    """Return all lists of a check as one record."""
    record: dict[str, Any] = {"errors": [], "warnings": [], "risks": [], "missing": [], "notes": []}

    def send(message: dict[str, Any]) -> None:
        for name, value in message.items():
            record[name] = record[name] + value if isinstance(value, list) else value

    check.run({"code": code, "language": language}, send)
    assert record.pop("finished")
    return record


def kinds(code: str, language: str = "python") -> set[str]:
    return {risk["kind"] for risk in checked(code, language)["risks"]}
