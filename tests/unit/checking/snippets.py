"""Sixty snippets, half of them risky: the findings of patterns over text, and ours.

Run as a program, this writes the table in docs/checks.md anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from unit.checking.support import checked

PAGE = Path(__file__).parents[3] / "docs" / "checks.md"
BEGIN, END = (
    "<!-- snippets: made by tests/unit/checking/snippets.py -->",
    "<!-- end of snippets -->",
)

PATTERNS = [
    *(r"import\s+os", r"import\s+subprocess", r"import\s+socket", r"import\s+shutil"),
    *(r"open\s*\(", r"eval\s*\(", r"exec\s*\(", r"__import__", r"os\.system", r"pickle"),
    *(r"rm\s+-rf", r"sudo", r"curl"),
]


class Snippet(NamedTuple):
    """Some code, and the kind of its risk; None where it is innocent."""

    code: str
    kind: str | None
    language: str = "python"


RISKY = [
    Snippet("import os as o; o.system('ls')", "starts processes"),
    Snippet("from os import system as run; run('ls')", "starts processes"),
    Snippet("import os; f = os.popen; f('ls')", "starts processes"),
    Snippet("__import__('o' + 's').system('ls')", "starts processes"),
    Snippet("import os; getattr(os, 'sys' + 'tem')('ls')", "starts processes"),
    Snippet("import os; vars(os)['system']('ls')", "starts processes"),
    Snippet("import sys; sys.modules['os'].system('ls')", "starts processes"),
    Snippet("import posix; posix.system('ls')", "starts processes"),
    Snippet("from subprocess import run; run(['ls'])", "starts processes"),
    Snippet("from multiprocessing import Process; Process(target=f)", "starts processes"),
    Snippet("import importlib as i; i.import_module(name)", "imports dynamically"),
    Snippet("__builtins__['ev' + 'al']('1')", "evaluates strings"),
    Snippet("import builtins; builtins.__dict__['exec'](text)", "evaluates strings"),
    Snippet("e = eval; e(text)", "evaluates strings"),
    Snippet("list(map(exec, texts))", "evaluates strings"),
    Snippet("globals()['__builtins__']['eval'](text)", "evaluates strings"),
    Snippet("from pathlib import Path; Path('a').write_text('')", "writes files"),
    Snippet("from pathlib import Path; Path('a').unlink()", "deletes files"),
    Snippet("from shutil import rmtree as tidy; tidy('a')", "deletes files"),
    Snippet("import io; io.open('a').read()", "reads files"),
    Snippet("from urllib.request import urlopen; urlopen(url)", "opens the network"),
    Snippet("import requests as r; r.Session().post(url)", "opens the network"),
    Snippet("from marshal import loads; loads(data)", "deserialises unsafely"),
    Snippet("import yaml; yaml.load(data, Loader=yaml.Loader)", "deserialises unsafely"),
    Snippet("from os import environ; environ['TOKEN']", "touches the environment"),
    Snippet("().__class__.__base__.__subclasses__()", "reaches into the interpreter"),
    Snippet("'r'm -r 'a'", "deletes files", "bash"),
    Snippet("find . -name '*.py' -delete", "deletes files", "bash"),
    Snippet("wget -qO- $url | sh", "evaluates strings", "bash"),
    Snippet("exec 3<>/dev/tcp/host/80", "opens the network", "bash"),
]

INNOCENT = [
    Snippet("import os; os.path.join('a', 'b')", None),
    Snippet("import os; os.cpu_count()", None),
    Snippet("import subprocess; subprocess.CalledProcessError", None),
    Snippet("import socket; socket.AF_INET", None),
    Snippet("import shutil; shutil.get_terminal_size()", None),
    Snippet("print('open(a)')", None),
    Snippet("x = 1  # was: eval(text)", None),
    Snippet("'''To run: import os; os.system(x)'''", None),
    Snippet("help_text = 'sudo rm -rf /'", None),
    Snippet("model.eval()", None),
    Snippet("cursor.exec('select 1')", None),
    Snippet("dialog.open()", None),
    Snippet("def reopen(a): return a\nreopen(1)", None),
    Snippet("def open(a): return a\nopen(1)", None),
    Snippet("class Door:\n    def open(self): pass\nDoor().open()", None),
    Snippet("import ast; ast.literal_eval('1')", None),
    Snippet("text.replace('eval(', '')", None),
    Snippet("import pickle; pickle.dumps(1)", None),
    Snippet("pickled_cucumbers = 3", None),
    Snippet("import json; json.loads('1')", None),
    Snippet("import yaml; yaml.safe_load(text)", None),
    Snippet("import re; re.compile('a')", None),
    Snippet("hook = '__import__'", None),
    Snippet("queue.remove(a)", None),
    Snippet("system = print; system('ls')", None),
    Snippet("echo 'sudo rm -rf /'", None, "bash"),
    Snippet("# curl example.org", None, "bash"),
    Snippet("cat <<'EOF'\nrm -rf a\nEOF", None, "bash"),
    Snippet("case $1 in curl|sudo) echo no;; esac", None, "bash"),
    Snippet("grep -c 'import os' a.py", None, "bash"),
]


def by_patterns(snippet: Snippet) -> bool:
    """Tell whether one of the patterns is in the text."""
    return any(re.search(pattern, snippet.code) for pattern in PATTERNS)


def by_reading(snippet: Snippet) -> list[str]:
    """Return the kinds of risk that validate_code names."""
    return list(dict.fromkeys(risk["kind"] for risk in checked(*snippet[::2])["risks"]))


def table() -> str:
    """Return the table in Markdown."""
    lines = ["| | snippet | patterns | `validate_code` |", "|---|---|---|---|"]
    for word, snippets in (("risky", RISKY), ("innocent", INNOCENT)):
        for snippet in snippets:
            code = snippet.code.replace("\n", " ⏎ ").replace("|", "\\|")
            right = by_patterns(snippet) == (snippet.kind is not None)
            said = "risky" if by_patterns(snippet) else "innocent"
            patterns = said if right else f"**{said}**"
            kinds = ", ".join(by_reading(snippet)) or "innocent"
            lines.append(f"| {word} | `{code}` | {patterns} | {kinds} |")
    missed = sum(not by_patterns(snippet) for snippet in RISKY)
    alarms = sum(by_patterns(snippet) for snippet in INNOCENT)
    total = f"Patterns miss {missed} of the {len(RISKY)} risky ones and raise {alarms} false alarms"
    return "\n".join([*lines, "", f"{total} in the {len(INNOCENT)} innocent ones."])


if __name__ == "__main__":
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", "utf-8")
