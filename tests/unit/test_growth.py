"""What reads foreign text in the server itself takes no more than its share: twice the text, at
most some more than twice the time. A pattern that goes back over what it has read takes four times.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mcp.types import CallToolResult, TextContent

from bellglass.agent.reading import read
from bellglass.sandboxes.egress.request_log import RequestRecord
from bellglass.sandboxes.execution import Execution, ExecutionError, FileChange, Output
from bellglass.sandboxes.session_limits import Limits
from bellglass.server.console import printable
from bellglass.server.stdio.json_lines import LineBuffer, find_id, find_odd_id, repair
from bellglass.tools.arguments import utf8_length
from bellglass.tools.error_text import error_parts, error_record, first_line
from bellglass.tools.execute.changed_files import changed_record, changes_line, links_to_changed
from bellglass.tools.execute.displays import in_order
from bellglass.tools.execute.hints.hints import hint_for
from bellglass.tools.execute.limit_result_size import fitted
from bellglass.tools.execute.network_text import network_lines, network_record
from bellglass.tools.execute.text_layout import Part
from bellglass.tools.fences import unwrapped
from bellglass.tools.results import TestOutcome, TestRun
from bellglass.tools.run_tests.hints import hints_on
from bellglass.tools.run_tests.report import run_of
from bellglass.tools.run_tests.text import run_text
from bellglass.tools.terminal import one_line
from bellglass.tools.validate_code.report import validation_of, validation_text

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

GROWTH = 2.5
TEXT_CHARACTERS = 24_000
SHORT_SECONDS = 0.003
"""What takes no longer, of a text of twice that, is no danger, however it grows."""
ATTEMPTS = 12


def hint_on_stderr(text: str, exit_code: int = 127) -> None:
    execution = Execution(status="exit", exit_code=exit_code, stderr=Output(text=text))
    hint_for(execution, Limits(), fresh=True)


def hint_on_error(text: str, name: str) -> None:
    error = ExecutionError(
        name=name, message=text, traceback=text, code=f"> 1 | {text[:1_900]}", wanted=text[:1_000]
    )
    hint_for(Execution(status="error", error=error), Limits(), fresh=True)


def error_told(text: str) -> None:
    error = ExecutionError(name="ValueError", message=text, traceback=text)
    first_line(error)
    list(error_parts(error))
    error_record(error, None)


def files_told(text: str) -> None:
    paths = [part[:9_000] or "x" for part in text.split("\n")[:100]]
    files = [FileChange(path=path, bytes=1, change="new", readable=True) for path in paths]
    execution = Execution(status="ok", files=files)
    list(changes_line(execution, says_how=True))
    list(links_to_changed(execution, "0" * 32))
    changed_record(execution, "0" * 32)


def check_told(text: str) -> None:
    parts = [text[at : at + 2_000] for at in range(0, len(text), 2_000)]
    findings = [{"line": 1, "column": 1, "message": part, "source": part} for part in parts]
    report: list[dict[str, object]] = [{"errors": findings, "finished": True}]
    execution = Execution.model_validate({"status": "ok", "report": report})
    validation_text(validation_of(execution, "python", 10))


def suite_hinted(text: str) -> None:
    lines = text.split("\n")
    missing = [
        f"ModuleNotFoundError: No module named '{at}'\n{part}" for at, part in enumerate(lines)
    ]
    said = [*missing[:200], *(f"cannot import name 'a{at}' from 'solution'" for at in range(200))]
    tests = [TestOutcome(id="t", outcome="failed", message=part) for part in said]
    counts = dict.fromkeys(("total", "passed", "failed", "errors", "skipped", "not_run"), 1)
    flags = dict.fromkeys(("ok", "timed_out", "isolated"), False)
    run = TestRun.model_validate(
        {"session_id": "0", "seconds": 0.0, **counts, **flags, "tests": tests}
    )
    names = "".join(f"a{at} = 1\n" for at in range(len(text) // 8))
    hints_on(run, names, text)
    run_text(run, 1)


def displays_told(text: str) -> None:
    list(in_order(Execution(status="ok", stdout=Output(text=text))))


def output_told(text: str) -> None:
    Part.shown("stdout", text)
    Part.shown("value", text)
    one_line(text)


def result_fitted(text: str) -> None:
    blocks = [
        TextContent(type="text", text=text[at : at + 5_000]) for at in range(0, 50_000, 5_000)
    ]
    fitted(CallToolResult(content=blocks, structured_content={"text": text}))


def suite_told(text: str) -> None:
    parts = [text[at : at + 10_000] for at in range(0, len(text), 10_000)]
    names = text.split("\n")[:5_000]
    report: list[dict[str, object]] = [{"collected": names}, {"said": text[:20_000]}]
    report += [
        {"tests": [{"index": at, "outcome": "failed", "message": part}]}
        for at, part in enumerate(parts)
    ]
    run_of(Execution.model_validate({"status": "ok", "report": report}), "0" * 32, [])


def line_read(text: str) -> None:
    line = text.encode()
    message = b'{"jsonrpc": "2.0", "method": "a", "params": ' + line + b', "id": ' + line
    for read_part in (find_id, find_odd_id, repair):
        read_part(message)
    buffer = LineBuffer()
    for at in range(0, len(line), 1_000):
        list(buffer.feed(line[at : at + 1_000]))


def visits_told(text: str) -> None:
    parts = (text[at : at + 250] for at in range(0, len(text), 250))
    records = [RequestRecord(host=part, port=80, allowed=False, reason=part) for part in parts]
    network_record(records)
    list(network_lines(records))


def program_measured(text: str) -> None:
    utf8_length(text)
    printable(text)


READERS: dict[str, Callable[[str], object]] = {
    "fences of Python": partial(unwrapped, language="python"),
    "fences of Bash": partial(unwrapped, language="bash"),
    "an answer of a model": partial(read, proof="tests"),
    "hint on a command": hint_on_stderr,
    "hint on an exit": partial(hint_on_stderr, exit_code=1),
    **{
        f"hint on {name}": partial(hint_on_error, name=name)
        for name in ("TypeError", "NameError", "ModuleNotFoundError", "SyntaxError", "OSError")
    },
    "an error": error_told,
    "changed files": files_told,
    "a check": check_told,
    "displays": displays_told,
    "a test run": suite_hinted,
    "output": output_told,
    "a result that is too large": result_fitted,
    "a report of tests": suite_told,
    "a line of the protocol": line_read,
    "visits": visits_told,
    "a program that a policy looks at": program_measured,
}

WORST: dict[str, Callable[[int], str]] = {
    "here-documents of one line": lambda n: (
        "ls\ncat " + "<<A " * (n // 6) + "<<Z\n" + "A\n" * (n // 6) + "```\n"
    ),
    "fenced here-documents": lambda n: "```\ncat " + "<<A " * (n // 6) + "<<Z\n" + "A\n" * (n // 6),
    "tildes before a backtick": lambda n: "```\n" + "~" * n + "`\nx",
    "dots after a fence": lambda n: "```" + "." * n + "!",
    "dotted names": lambda n: "a." * (n // 2),
    "letters": lambda n: "a" * n,
    "quotes in backslashes": lambda n: "x\n" + '"\\' * (n // 2) + "\n```\n",
    "quotes on lines": lambda n: "x\n" + "'\"\n" * (n // 3) + "```\n",
    "brackets": lambda n: "~~~x\n" + "(\n" * (n // 2) + "~~~\n",
    "fences with tags": lambda n: "```a\n" * (n // 5),
    "Markdown in Markdown": lambda n: "```markdown\n" * (n // 12),
    "blanks": lambda n: "```" + " " * n + "x\n```\n`",
    "lines": lambda n: "\n" * n + "```\n",
    "colons": lambda n: "bash: " * (n // 6) + "\n" + ": " * (n // 2),
    "quoted names": lambda n: "'a" * (n // 2),
    "sentences": lambda n: "A" + ". " * (n // 2) + "x\n```\n",
    "indented": lambda n: "text:\n\n" + "    a\n\n" * (n // 7),
    "statements": lambda n: "x = (" * (n // 5),
}


def seconds(reader: Callable[[str], object], text: str) -> float:
    started = time.thread_time()  # other processes of a busy machine do not count
    reader(text)
    return time.thread_time() - started


def growth(reader: Callable[[str], object], family: Callable[[int], str]) -> float:
    """Return how much longer twice the text takes: the least of some attempts at both."""
    once, twice = family(TEXT_CHARACTERS), family(2 * TEXT_CHARACTERS)
    shortest = [1.0, 1.0]
    for _ in range(ATTEMPTS):
        for at, text in enumerate((once, twice)):
            shortest[at] = min(shortest[at], seconds(reader, text))
        if shortest[1] < max(GROWTH * shortest[0], SHORT_SECONDS):
            break
    return shortest[1] / max(shortest[0], SHORT_SECONDS / GROWTH)


@pytest.mark.parametrize("family", WORST.values(), ids=WORST)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_twice_the_text_takes_twice_the_time(
    reader: Callable[[str], object], family: Callable[[int], str]
) -> None:
    assert growth(reader, family) < GROWTH


_PIECES = st.sampled_from(
    [
        *("```", "~~~", "\n", " ", "\t", ".", ":", "'", '"', "\\", "#", "(", "[", "{", "<<A", "A"),
        *("-", "a", "1", "$", "bash: line 1: ", "not found", "'''", '"""', "markdown", "A."),
        *("import ", "x = ", ">>> ", "No module named '", "`Import ", "fork: ", "> 1 | ", "/"),
    ]
)
_UNITS = st.lists(_PIECES, min_size=1, max_size=6).map("".join)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@settings(
    derandomize=True,
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(head=_UNITS, unit=_UNITS, tail=_UNITS)
def test_nor_does_any_repetition_take_more(
    reader: Callable[[str], object], head: str, unit: str, tail: str
) -> None:
    def family(characters: int) -> str:
        return head + unit * (characters // len(unit)) + tail

    assert growth(reader, family) < GROWTH
