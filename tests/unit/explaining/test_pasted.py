"""Errors pasted as text: what, where, and the advice."""

import pytest

from bellglass.tools.explaining.pasted import parse

CPYTHON = """
Traceback (most recent call last):
  File "/home/ada/app/main.py", line 12, in <module>
    run()
    ~~~^^
  File "/home/ada/app/main.py", line 8, in run
    return json.loads(text)
  File "/usr/lib/python3.12/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
           ~~~~~~~~~~~~~~~~~~~~~~~^^^
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
"""

CHAINED = """
Traceback (most recent call last):
  File "load.py", line 3, in load
    return settings["port"]
KeyError: 'port'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "load.py", line 9, in <module>
    load()
  File "load.py", line 5, in load
    raise ValueError("no port") from error
ValueError: no port
"""

SYNTAX = """
  File "/tmp/x.py", line 4
    print "hello"
    ^^^^^^^^^^^^^
SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?
"""

GROUP = """
  + Exception Group Traceback (most recent call last):
  |   File "jobs.py", line 7, in <module>
  |     raise ExceptionGroup("jobs", errors)
  | ExceptionGroup: jobs (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "jobs.py", line 3, in job
    |     1 / n
    | ZeroDivisionError: division by zero
    +------------------------------------
"""

IPYTHON = """
---------------------------------------------------------------------------
NameError                                 Traceback (most recent call last)
Cell In[3], line 2
      1 values = [1, 2]
----> 2 np.mean(values)

NameError: name 'np' is not defined
"""

PYTEST = """
=================================== FAILURES ===================================
_________________________________ test_price __________________________________

    def test_price():
>       assert price("tea") == 3
E       AssertionError: assert 4 == 3
E        +  where 4 = price('tea')

tests/test_price.py:5: AssertionError
=========================== short test summary info ============================
FAILED tests/test_price.py::test_price - AssertionError: assert 4 == 3
============================== 1 failed in 0.02s ===============================
"""

OURS = """
Failed: NameError: name 'np' is not defined (line 7, in mean)
> 7 | np.mean(values)
session_id: 0123456789abcdef
"""

TEXTS = {
    "CPython": (CPYTHON, ("JSONDecodeError", "/home/ada/app/main.py", 8), "no JSON"),
    "chained": (CHAINED, ("ValueError", "load.py", 5), None),
    "syntax": (SYNTAX, ("SyntaxError", "/tmp/x.py", 4), "print is a function"),
    "group": (GROUP, ("ZeroDivisionError", "jobs.py", 3), None),
    "IPython": (IPYTHON, ("NameError", "In[3]", 2), "import numpy as np"),
    "pytest": (PYTEST, ("AssertionError", "tests/test_price.py", 5), None),
    "ours": (OURS, ("NameError", None, 7), "import numpy as np"),
    "missing module": (
        "ModuleNotFoundError: No module named 'cv2'",
        ("ModuleNotFoundError", None, None),
        "opencv-python",
    ),
    "bash": ("bash: line 3: curl: command not found", ("command not found", None, 3), "no network"),
    "script": ("run.sh: line 9: PORT: unbound variable", ("unbound variable", "run.sh", 9), "PORT"),
    "colours": (
        "\x1b[31mZeroDivisionError\x1b[0m: division by zero",
        ("ZeroDivisionError", None, None),
        None,
    ),
}


@pytest.mark.parametrize("what", TEXTS)
def test_pasted_error_is_understood(what: str) -> None:
    text, (name, file, line), hint = TEXTS[what]
    error = parse(f"Please fix this, it worked yesterday:\n{text}")

    assert error is not None
    assert (error.name, error.file, error.line) == (name, file, line)
    if hint is not None:
        assert error.hint is not None
        assert hint in error.hint


@pytest.mark.parametrize("text", ["", "It does not work.", "def f():\n    return 1", "\0" * 1000])
def test_text_without_an_error_is_none(text: str) -> None:
    assert parse(text) is None


def test_huge_text_is_read_in_time() -> None:
    error = parse(('  File "a.py", line 1, in f\n' + "x" * 500 + "\n") * 5_000 + CPYTHON)

    assert error is not None
    assert error.line == 8
