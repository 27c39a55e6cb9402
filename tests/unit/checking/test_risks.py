"""Risks of Python code that is not run."""

from __future__ import annotations

import sys

import pytest
from unit.checking.support import checked, kinds


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
        ("import os, operator\noperator.attrgetter('system')(os)('ls')", "starts processes"),
        ("import os\ngetattr(os, 'metsys'[::-1])('ls')", "looks names up dynamically"),
        ("import importlib\nimportlib.import_module(name='os').system('ls')", "starts processes"),
        ("import sys\nsys.modules.get('os').system('ls')", "starts processes"),
        ("__loader__.load_module('os').system('ls')", "starts processes"),
        ("import shutil\nshutil.os.system('ls')", "starts processes"),
        ("import random\nrandom._os.system('ls')", "starts processes"),
        ("getattr(__import__('os'), name)('ls')", "looks names up dynamically"),
        ("import timeit\ntimeit.timeit('f()')", "evaluates strings"),
        ("import os, operator\noperator.methodcaller('system', 'ls')(os)", "starts processes"),
        ("def f(open): return open(1)\nopen('a', 'w')", "writes files"),
        ("class A:\n  eval = len\n  def f(self): return eval('1')", "evaluates strings"),
        (
            "import os\ndef f():\n  s = 1\n  def g():\n    nonlocal s\n    s = os.popen\n  s(1)",
            "starts processes",
        ),
        ("import os\n[o.system('ls') for o in [os]]", "starts processes"),
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
        "import timeit\ntimeit.timeit(lambda: sorted([2, 1]))",
        "', '.join(['os', 'system'])",
        "[eval(1) for eval in [len]]",
        "class A:\n  def eval(self): return 1\n  x = eval",
    ],
)
def test_innocent_code_has_no_risk(code: str) -> None:
    assert checked(code)["risks"] == []


def test_what_works_without_ipython_is_read_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPython", "IPython.core.inputtransformer2"):
        monkeypatch.setitem(sys.modules, name, None)

    assert kinds("if 1:\n  !rm a") >= {"starts processes", "deletes files"}
    assert "opens the network" in kinds("%pip install a")
    assert "deletes files" in kinds("%%bash\nrm a")
    (error,) = checked("x = 1\n%matplotlib inline")["errors"]
    assert (error["line"], "bellglass setup" in error["fix"]) == (2, True)


def test_a_risk_has_its_place_and_a_reason_in_words() -> None:
    (risk,) = checked("import os as o\nx = 'é'; o.system('ls')")["risks"]

    assert risk == {
        "kind": "starts processes",
        "line": 2,
        "column": 10,
        "reason": "os.system runs a command in a shell",
    }
