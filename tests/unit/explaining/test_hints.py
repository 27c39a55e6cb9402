"""What is advised on failures that are known by their words."""

import pytest

from bellglass.sandboxes.base import Limits
from bellglass.sandboxes.execution import Execution, ExecutionError, Output
from bellglass.tools.explaining import bash, syntax
from bellglass.tools.explaining.hints import hint_for
from bellglass.tools.explaining.rules import RULES, advice_for

PYTHON = [
    ("ModuleNotFoundError", "No module named 'sklearn'", "scikit-learn"),
    ("ModuleNotFoundError", "No module named 'urllib2'", "urllib.request"),
    ("NameError", "name 'defaultdict' is not defined", "from collections import defaultdict"),
    ("NameError", "name 'true' is not defined", "True"),
    ("NameError", "name 'xrange' is not defined", "range"),
    ("AttributeError", "'dict' object has no attribute 'iteritems'", "items()"),
    ("AttributeError", "module 'numpy' has no attribute 'float'", "Python's own float"),
    ("AttributeError", "module 'datetime' has no attribute 'now'", "datetime.datetime.now()"),
    ("AttributeError", "'NoneType' object has no attribute 'group'", "None"),
    ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'", "int()"),
    ("TypeError", "'list' object is not callable", "hides"),
    ("TypeError", "Object of type datetime is not JSON serializable", "default=str"),
    ("ValueError", "not enough values to unpack (expected 3, got 2)", "2 values for 3 names"),
    ("ValueError", "invalid literal for int() with base 10: '3.5'", "int(float(text))"),
    ("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xff in position 0: x", "utf-16"),
    ("OSError", "[Errno 28] No space left on device", "delete files"),
    ("PicklingError", "Can't pickle <function <lambda> at 0x7f>: attribute lookup", "top level"),
]


@pytest.mark.parametrize(("name", "message", "expected"), PYTHON)
def test_known_exception_has_advice(name: str, message: str, expected: str) -> None:
    error = ExecutionError(name=name, message=message, traceback="")
    hint = hint_for(Execution(status="error", error=error), Limits(), fresh=False)

    assert hint is not None
    assert expected in hint


LINES = [
    ("invalid syntax", "%matplotlib inline", "IPython"),
    ("invalid syntax", "df.head?", "IPython"),
    ("invalid syntax", "ls -la", "execute_bash"),
    ("invalid syntax", "pip install numpy", "execute_bash"),
    ("invalid syntax", "```python", "fence"),
    ("invalid syntax", ">>> x = 1", "prompts"),
    ("invalid syntax", "const x = 1;", "JavaScript"),
    ("invalid character '\u201c' (U+201C)", "print(\u201chi\u201d)", "typographic"),
    ("invalid non-printable character U+00A0", "x =\u00a01", "space"),
    ("'(' was never closed", "print((1)", "cut off"),
    ("'await' outside function", "await f()", "async def"),
]


@pytest.mark.parametrize(("message", "line", "expected"), LINES)
def test_line_that_is_no_python_has_advice(message: str, line: str, expected: str) -> None:
    advice = syntax.advice_on(message, line)

    assert advice is not None
    assert expected in advice


@pytest.mark.parametrize("line", ["ls = [1, 2", "cat = Cat(", "x = a.b(c?", "source = {", "cd"])
def test_python_is_not_taken_for_shell(line: str) -> None:
    advice = syntax.advice_on("invalid syntax", line)

    assert advice is None


COMMANDS = [
    (127, "bash: line 1: wget: command not found", "no network"),
    (127, "bash: line 1: sudo: command not found", "sudo"),
    (127, "bash: line 1: jq: command not found", "json"),
    (2, "cat: notes.txt: No such file or directory", "notes.txt is not there"),
    (1, "bash: line 3: syntax error near unexpected token `done'", "missing do"),
    (1, "bash: line 1: $'\\r': command not found", "CR LF"),
    (137, "", "137"),
]


@pytest.mark.parametrize(("code", "said", "expected"), COMMANDS)
def test_failed_command_has_advice(code: int, said: str, expected: str) -> None:
    advice = bash.advice(code, said, [])

    assert advice is not None
    assert expected in advice


def test_run_that_forgot_to_await_is_told_though_it_did_not_fail() -> None:
    warned = "<call 1>:2: RuntimeWarning: coroutine 'main' was never awaited\n"
    hint = hint_for(Execution(status="ok", stderr=Output(text=warned)), Limits(), fresh=False)

    assert hint is not None
    assert "await" in hint


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ERROR: Could not find a version that satisfies the", "BELLGLASS_NETWORK=packages"),
        ("ERROR: [Errno 28] No space left on device", "the disk of the session is full"),
    ],
)
def test_command_of_a_notebook_that_failed_has_the_advice_of_bash(said: str, expected: str) -> None:
    failed = Output(text=f"{said}\n[the command exited with code 1]\n")
    hint = hint_for(Execution(status="ok", stderr=failed), Limits(), fresh=False)
    printed = hint_for(Execution(status="ok", stderr=Output(text=said)), Limits(), fresh=False)

    assert hint is not None
    assert expected in hint
    assert printed is None


def test_run_that_went_well_has_no_hint() -> None:
    assert hint_for(Execution(status="ok", value="1"), Limits(), fresh=True) is None


def test_every_rule_fills_its_advice() -> None:
    for rule in RULES:
        rule.advice.format(*"abcdef")


def test_hostile_message_is_read_in_time() -> None:
    for text in ("'" * 1_000_000, "shapes " * 100_000, "0x" * 500_000, "(" * 1_000_000):
        advice_for("ValueError", text)
