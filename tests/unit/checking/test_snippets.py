"""Risks of thirty risky snippets are found, with no false alarm among thirty innocent ones."""

from __future__ import annotations

import pytest
from readme.blocks import first_cells
from unit.checking.snippets import BEGIN, END, INNOCENT, PAGE, RISKY, Snippet, by_reading, table

from bellglass.sandboxes.common.risk_kinds import KINDS


@pytest.mark.parametrize("snippet", RISKY, ids=lambda snippet: snippet.code)
def test_a_risky_snippet_is_not_missed(snippet: Snippet) -> None:
    assert snippet.kind in by_reading(snippet)


@pytest.mark.parametrize("snippet", INNOCENT, ids=lambda snippet: snippet.code)
def test_an_innocent_snippet_raises_no_alarm(snippet: Snippet) -> None:
    assert by_reading(snippet) == []


def test_the_page_shows_what_is_said_today() -> None:
    shown = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip()

    assert (len(RISKY), len(INNOCENT)) == (30, 30)
    assert shown == table()


def test_the_page_lists_every_kind_of_risk() -> None:
    shown = PAGE.read_text("utf-8").partition("<!-- kinds:")[2].partition("<!-- end of kinds")[0]

    assert tuple(first_cells(shown)) == KINDS
