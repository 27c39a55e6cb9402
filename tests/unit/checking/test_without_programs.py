"""A sandbox that has neither ruff nor shellcheck nor shfmt still answers."""

from __future__ import annotations

from typing import Any

import pytest
from unit.checking.support import checked, kinds

from bellglass.tools.validate_code.inside import check


@pytest.fixture(autouse=True)
def without_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    where = "bellglass.tools.validate_code.inside.programs.FOLDERS"
    monkeypatch.setattr(where, ())


@pytest.mark.parametrize("language", ["python", "bash"])
def test_our_own_checks_answer_and_say_what_is_not_there(language: str) -> None:
    result = checked("echo(\n", language)

    assert result["errors"]
    assert "bellglass setup" in checked("", language)["notes"][0]


def test_risks_and_mistakes_are_found_all_the_same() -> None:
    assert kinds("import os\nos.remove('a')") == {"deletes files"}
    assert kinds("rm a", "bash") == {"deletes files"}
    assert checked("x = 1\nx is 5")["warnings"]


def test_a_policy_refuses_bash_that_it_cannot_look_through() -> None:
    sent: list[dict[str, Any]] = []
    policy = {"risks": ["deletes files"], "imports": []}

    check.run({"code": "echo hi", "language": "bash", "policy": policy}, sent.append)

    assert "shfmt is not installed" in sent[0]["refused"][0]
