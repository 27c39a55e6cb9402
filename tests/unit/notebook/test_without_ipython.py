"""Notebook lines where IPython is not installed: commands run, the rest says what is missing.

The tests' own Python has no IPython.
"""

import re

import pytest

from bellglass.sandboxes.worker.evaluate import Evaluation, Namespace


def evaluate(code: str) -> Evaluation:
    return Namespace(repr, _no_shell).evaluate(code, "<call 1>")


def _no_shell(namespace: Namespace) -> None:
    raise ImportError("No module named 'IPython'")


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("!echo 'a b'", "a b\n"),
        ("for n in range(2):\n    !echo {n} it\\'s $n", "0 it's 0\n1 it's 1\n"),
        ('if True:\n    !echo "one ("\nlast = 2', "one (\n"),
        ('text = """\n!echo no\n"""\n!echo yes', "yes\n"),
        ("%%bash\nfor i in 1 2; do echo $i; done", "1\n2\n"),
        ("%pip --version", "pip "),
    ],
)
def test_commands_run(code: str, printed: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = evaluate(code)

    assert result.error is None
    assert result.value is None
    assert capfd.readouterr().out.startswith(printed)


def test_what_a_command_prints_is_a_list_of_lines() -> None:
    assert evaluate("names = !printf 'a\\nb'\nnames").value == "['a', 'b']"


def test_lines_keep_their_numbers() -> None:
    result = evaluate("!true\n!false\n1 / 0")

    assert result.error is not None
    assert (result.error["name"], result.error["line"]) == ("ZeroDivisionError", 3)


@pytest.mark.parametrize("code", ["%matplotlib inline", "x = 1\n%time x", "len?", "%%time\n1"])
def test_another_line_says_that_ipython_is_missing(code: str) -> None:
    error = evaluate(code).error

    assert error is not None
    assert error["name"] == "ModuleNotFoundError"
    assert re.fullmatch(r"No module named 'IPython', which the line `.*` needs", error["message"])


def test_an_error_of_plain_python_stays_one() -> None:
    error = evaluate("if True\n    print('50 %')").error

    assert error is not None
    assert error["name"] == "SyntaxError"
