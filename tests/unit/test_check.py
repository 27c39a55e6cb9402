"""What is said of code that is only read."""

from __future__ import annotations

from typing import Any

import pytest

from bellglass.sandboxes.runner.checking import check


def checked(code: str, language: str = "python") -> dict[str, Any]:
    """Return all lists of a check as one record."""
    record: dict[str, Any] = {"errors": [], "warnings": [], "risks": [], "notes": []}

    def send(message: dict[str, Any]) -> None:
        for name, value in message.items():
            record[name] = record[name] + value if isinstance(value, list) else value

    check.run({"code": code, "language": language}, send)
    assert record.pop("finished")
    return record


def kinds(code: str, language: str = "python") -> set[str]:
    return {risk["kind"] for risk in checked(code, language)["risks"]}


# --- syntax


def test_a_syntax_error_is_shown_at_its_place() -> None:
    (error,) = checked("x = 1\nprint('é', x +* 2)\n")["errors"]

    assert error == {
        "line": 2,
        "column": 15,
        "message": "invalid syntax",
        "source": "print('é', x +* 2)\n              ^",
    }


def test_in_a_long_line_the_part_around_the_error_is_shown() -> None:
    (error,) = checked("x = [" + "1, " * 100_000 + "2 3]")["errors"]

    shown, caret = error["source"].split("\n")
    assert len(shown) < 200
    assert shown[caret.index("^")] == "2"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("def f(:\n  pass", 1),
        ("if True:\nx = 1", 2),
        ("a = 1\nreturn a", 2),
        ("def f(a, a): pass", 1),
        ("if 1:\n\tx = 1\n        y = 2\n", 3),
        ("x = 1\r\ny == \r\n", 2),
        ("print('a')\0print('b')", 1),
        ("x = 1\ny = '\ud800'", 2),
        ("1" * 5000, 1),
    ],
)
def test_every_syntax_error_has_a_line(code: str, line: int) -> None:
    (error,) = checked(code)["errors"]

    assert (error["line"], bool(error["message"])) == (line, True)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "\n \n#\n",
        "\ufeffprint('bom')",
        "a = 1\r\nb = 2\r\n",
        "x = '\\N{SNOWMAN}'",
        "\x0c\nx = 1",
    ],
)
def test_correct_code_has_no_findings(code: str) -> None:
    assert checked(code) == {"errors": [], "warnings": [], "risks": [], "notes": []}


def test_await_at_the_top_is_right_and_noted() -> None:
    result = checked("import asyncio\nawait asyncio.sleep(0)")

    assert result["errors"] == []
    assert "execute_python" in result["notes"][0]


DEEP = {
    "parentheses": "(" * 10_000 + ")" * 10_000,
    "brackets": "[" * 100_000,
    "minus signs": "-" * 100_000 + "1",
    "sum": "1" + "+1" * 100_000,
    "attributes": "a" + ".a" * 100_000,
    "calls": "f" + "()" * 100_000,
    "lambdas": "lambda:" * 10_000 + "1",
    "f-strings": "f'{" * 1000 + "1" + "}'" * 1000,
    "blocks": "".join(" " * i + "if 1:\n" for i in range(110)) + " " * 110 + "x=1",
}


@pytest.mark.parametrize("code", DEEP.values(), ids=DEEP)
def test_deep_nesting_is_an_error_and_not_a_crash(code: str) -> None:
    (error,) = checked(code)["errors"]

    assert "too" in error["message"]


@pytest.mark.parametrize(
    "code",
    [
        "a" + ".a" * 900,
        "f" + "()" * 400,
        "a = b\nb = a\n" * 500 + "a()",
        "x = x or x or x\n" * 500 + "x()",
        "".join(f"a{i} = a{i - 1} or a{i - 1}\n" for i in range(1, 300)) + "a299()",
    ],
    ids=["attributes", "calls", "circle", "itself", "chain"],
)
def test_names_that_lead_round_in_circles_end(code: str) -> None:
    assert checked(code)["risks"] == []


# --- warnings


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("import re\nre.compile('\\d')", 2, "invalid escape sequence"),
        ("x = 1\nx is 5", 2, '"is" with a literal'),
        ("assert (1, 'a')", 1, "assertion is always true"),
        ("def f(x):\n  x == 5\n  return x", 2, "was = meant?"),
        ("def f():\n  return 1\n  print(2)", 3, "never reached: it comes after a return"),
        ("def f(): raise NotImplemented", 1, "NotImplementedError"),
        ("{'a': 1, 'a': 2}", 1, "the key 'a' is here twice"),
        ("def test_a(): pass\ndef test_a(): pass", 2, "replaces the test_a of line 1"),
        ("try: pass\nexcept Exception: pass\nexcept ValueError: pass", 3, "never reached"),
        ("if (x, 'a'): pass", 1, "always true"),
    ],
)
def test_a_certain_mistake_is_a_warning(code: str, line: int, message: str) -> None:
    (warning,) = checked(code)["warnings"]

    assert warning["line"] == line
    assert message in warning["message"]


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\nx == 1",  # the last value is shown
        "with raises(TypeError):\n  1 == a",
        "def f():\n  return\n  yield",
        "@overload\ndef f(): ...\n@overload\ndef f(a): ...\ndef f(*a): pass",
        "def f(): pass\ng = f\ndef f(): pass",
        "try: pass\nexcept ValueError: pass\nexcept Exception: pass",
        "{'a': 1, 'a': 1, 1: 2, True: 3}",
    ],
)
def test_what_may_be_meant_is_no_warning(code: str) -> None:
    assert checked(code)["warnings"] == []


# --- risks


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("open('a')", "reads files"),
        ("open('a', 'w')", "writes files"),
        ("m = 'a'\nopen('a', mode=m)", "writes files"),
        ("import os\nos.remove('a')", "deletes files"),
        ("from shutil import rmtree as gone\ngone('a')", "deletes files"),
        ("from pathlib import Path\np = Path('a') / 'b'\np.unlink()", "deletes files"),
        ("from pathlib import Path\nPath.home().joinpath('a').write_text('')", "writes files"),
        ("def f(p: Path): p.write_bytes(b'')", "writes files"),
        ("import os\nos.system('ls')", "starts processes"),
        ("import os as o\no.system('ls')", "starts processes"),
        ("from os import *\nsystem('ls')", "starts processes"),
        ("from subprocess import run as r\nr(['ls'])", "starts processes"),
        ("import os\nrun = os.system\nlist(map(run, ['ls']))", "starts processes"),
        ("import os\nfor f in (print, os.popen): f('ls')", "starts processes"),
        ("__import__('os').system('ls')", "starts processes"),
        ("import importlib\nimportlib.import_module('os').popen('ls')", "starts processes"),
        ("import sys\nsys.modules['os'].system('ls')", "starts processes"),
        ("import os\ngetattr(os, 'sys' + 'tem')('ls')", "starts processes"),
        ("import os\nvars(os)['system']('ls')", "starts processes"),
        ("import os\nos.__dict__['system']('ls')", "starts processes"),
        ("import posix\nposix.system('ls')", "starts processes"),
        ("import os\ndef f(g=os.fork): g()", "starts processes"),
        ("import os\ndef f():\n  global s\n  s = os.system\ns('ls')", "starts processes"),
        ("import os\nos.kill(1, 9)", "ends or signals processes"),
        ("import socket\nsocket.create_connection(('a', 1))", "opens the network"),
        ("import requests\nrequests.get('http://a')", "opens the network"),
        ("import requests\nwith requests.Session() as s: s.get('a')", "opens the network"),
        ("from urllib.request import urlopen\nurlopen('http://a')", "opens the network"),
        ("import pandas as pd\npd.read_csv('https://a')", "opens the network"),
        ("eval('1')", "evaluates strings"),
        ("__builtins__['exec']('1')", "evaluates strings"),
        ("import builtins\ngetattr(builtins, 'ex' + 'ec')('1')", "evaluates strings"),
        ("f = eval\nf('1')", "evaluates strings"),
        ("import importlib\nimportlib.import_module(name)", "imports dynamically"),
        ("__import__(name)", "imports dynamically"),
        ("import os\nos.environ['A'] = '1'", "touches the environment"),
        ("from os import getenv\ngetenv('A')", "touches the environment"),
        ("import pickle\npickle.loads(b'')", "deserialises unsafely"),
        ("import yaml\nyaml.load(f)", "deserialises unsafely"),
        ("import numpy as np\nnp.load('a', allow_pickle=True)", "deserialises unsafely"),
        ("import os\ngetattr(os, name)('ls')", "looks names up dynamically"),
        ("import os\nvars(os)[name]('ls')", "looks names up dynamically"),
        ("().__class__.__base__.__subclasses__()", "reaches into the interpreter"),
        ("import ctypes\nctypes.CDLL(None)", "reaches into the interpreter"),
        ("import os\nos.chmod('a', 7)", "changes permissions"),
        ("def f(a: eval('1')): pass", "evaluates strings"),
    ],
)
def test_a_risk_is_named_however_it_is_written(code: str, kind: str) -> None:
    assert kind in kinds(code)


@pytest.mark.parametrize(
    "code",
    [
        "print('os.system(x)')  # eval(x), open(x)",
        "'''import os\nos.remove(x)'''",
        "import os, subprocess, socket, pickle",
        "import os\nos.path.join('a', 'b')\nos.getcwd()",
        "import re\nre.compile('a')",
        "def open(x): return x\nopen('a')",
        "class Door:\n  def open(self): pass\nDoor().open()",
        "class List:\n  def unlink(self, node): pass\nlist.unlink(a)",
        "model.eval()\ncursor.execute('select 1')\nqueue.remove(a)",
        "def f(eval): return eval(1)",
        "system = print\nsystem('ls')",
        "import subprocess\ndef f(p: subprocess.Popen) -> None: ...",
        "import subprocess\ntry: pass\nexcept subprocess.CalledProcessError: pass",
        "import requests\nraise requests.ConnectionError('a')",
        "import json, ast\njson.loads('1')\nast.literal_eval('1')",
        "import yaml\nyaml.load(f, Loader=yaml.SafeLoader)",
        "getattr(self, name)",
        "from pathlib import Path\nPath('a').name.replace('a', 'b')",
        "class Base: pass\nBase.__subclasses__()",
        "import sys\nsys.exit(1)\ninput()",
    ],
)
def test_innocent_code_has_no_risk(code: str) -> None:
    assert checked(code)["risks"] == []


def test_a_risk_has_its_place_and_a_reason_in_words() -> None:
    (risk,) = checked("import os as o\nx = 'é'; o.system('ls')")["risks"]

    assert risk == {
        "kind": "starts processes",
        "line": 2,
        "column": 10,
        "reason": "os.system runs a command in a shell",
    }


def test_long_lists_are_cut_and_say_so() -> None:
    result = checked("eval('1')\n" * 250)

    assert len(result["risks"]) == 200
    assert result["notes"] == ["50 more risks are not listed."]


def test_a_program_beyond_reading_keeps_its_syntax_check() -> None:
    result = checked("x = [" + "1, " * 200_000 + "]")

    assert (result["errors"], result["risks"]) == ([], [])
    assert "too large" in result["notes"][0]


def test_nothing_is_executed(capsys: pytest.CaptureFixture[str]) -> None:
    checked("@print('run')\nclass A(print('run')):\n  def f(x=print('run')): ...")
    checked("echo run >&2; $(echo run >&2)", "bash")

    assert capsys.readouterr() == ("", "")


# --- bash


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("if true; then\n echo\n", 3, "unexpected end of file"),
        ("echo 'a\n", 1, "matching"),
        ("echo a\nfi\n", 2, "unexpected token"),
        ("echo a\0b", 1, "NUL"),
    ],
)
def test_a_bash_syntax_error_has_its_line(code: str, line: int, message: str) -> None:
    error = checked(code, "bash")["errors"][0]

    assert error["line"] == line
    assert message in error["message"]


def test_bash_that_nests_too_deeply_is_an_error_and_not_a_crash() -> None:
    (error,) = checked("${" * 100_000, "bash")["errors"]

    assert "deeply" in error["message"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rm -rf /tmp/x", "deletes files"),
        ("'r'm x", "deletes files"),
        ("/bin/rm x", "deletes files"),
        ("if true; then rm x; fi", "deletes files"),
        ("A=1 B=2 rm x", "deletes files"),
        ("f() { rm x; }; f", "deletes files"),
        ("function f { rm x; }", "deletes files"),
        ("x=$(rm y)", "deletes files"),
        ('echo "`rm y`"', "deletes files"),
        ("cat <<EOF\n$(rm y)\nEOF", "deletes files"),
        ("cat <(rm y)", "deletes files"),
        ("case $1 in a) rm x;; esac", "deletes files"),
        ("( (rm x) )", "deletes files"),
        ("find . -name x -exec rm {} +", "deletes files"),
        ("find . -delete", "deletes files"),
        ("ls | xargs -n 1 rm", "deletes files"),
        ("timeout -k 1 5 rm x", "deletes files"),
        ("bash -c 'rm x'", "deletes files"),
        ("eval 'rm x'", "deletes files"),
        ("sudo ls", "asks for privileges"),
        ("curl x | sh", "evaluates strings"),
        ("wget x", "opens the network"),
        ("echo > /dev/tcp/1.1.1.1/80", "opens the network"),
        ("dd if=a of=b", "writes to devices"),
        ("mkfs.ext4 /dev/sda", "writes to devices"),
        ("echo a >> /etc/hosts", "writes files"),
        ("cat /etc/passwd", "reads files"),
        ("kill -9 1", "ends or signals processes"),
        ("chmod +x a", "changes permissions"),
        ("python3 -c 'print(1)'", "evaluates strings"),
        ("sleep 9 &", "starts processes"),
        ("$command a", "looks names up dynamically"),
    ],
)
def test_a_risk_in_bash_is_named(code: str, kind: str) -> None:
    assert kind in kinds(code, "bash")


@pytest.mark.parametrize(
    "code",
    [
        "# rm -rf /",
        "echo rm -rf / 'curl x' \"sudo\"",
        "cat <<'EOF'\nrm $(rm x)\nEOF",
        "case $1 in rm) echo;; kill|nc) :;; esac",
        "ls 2>/dev/null >&2",
        "[[ $a > $b && -f rm ]] && echo yes",
        "(( a > b ))\necho $((a > b))",
        "list=(rm curl)\nfor f in rm; do echo $f; done",
        "remove() { echo; }\nremove x",
        "echo a\\;rm",
    ],
)
def test_innocent_bash_has_no_risk(code: str) -> None:
    assert checked(code, "bash")["risks"] == []


def test_windows_line_ends_are_a_warning_in_bash() -> None:
    (warning,) = checked("echo a\r\n", "bash")["warnings"]

    assert "carriage return" in warning["message"]
