"""Values, errors and output that are made to break whatever shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from security.support import Target

pytestmark = pytest.mark.once

EVIL = {
    "str exits": "class E(Exception):\n    def __str__(self): os._exit(9)\nraise E",
    "repr exits": "class E:\n    def __repr__(self): os._exit(9)\nE()",
    "str raises": "class E(Exception):\n    def __str__(self): raise SystemExit(0)\nraise E",
    "repr raises": "class E:\n    def __repr__(self): raise KeyboardInterrupt\nE()",
    "repr of another type": "class E:\n    def __repr__(self): return 7\nE()",
    "deep repr": "a = []\nfor _ in range(200_000): a = [a]\na",
    "deep chain": (
        "e = None\nfor i in range(50_000):\n    n = ValueError(i)\n    n.__cause__ = e\n    e = n\n"
        "raise e"
    ),
    "loop of causes": "e = ValueError()\nf = KeyError()\ne.__cause__ = f\nf.__cause__ = e\nraise e",
    "deep group": ("e = ValueError()\nfor _ in range(5000): e = ExceptionGroup('g', [e])\nraise e"),
    "surrogate": "raise ValueError('\\ud800')",
    "name of a file": "open('/nowhere/\\udcff')",
    "name of a type": "E = type('\\ud800' * 5000, (Exception,), {})\nraise E('\\0')",
    "posing class": ("class E(Exception):\n    __class__ = property(lambda self: 1 / 0)\nraise E"),
    "metaclass": (
        "class M(type):\n    def __getattribute__(cls, name): raise SystemExit(5)\n"
        "class E(Exception, metaclass=M): pass\nraise E"
    ),
    "str subclass": (
        "class S(str):\n    def __len__(self): return -1\n    def __getitem__(self, i): 1 / 0\n"
        "class E:\n    def __repr__(self): return S('x')\nE()"
    ),
    "exit code": "class I(int):\n    def __and__(self, other): os._exit(0)\nsys.exit(I(3))",
    "exit value": "class E:\n    def __str__(self): os._exit(0)\nsys.exit(E())",
    "frozen traceback": "raise ValueError('x').with_traceback(None) from None",
    "filename": "exec(compile('1/0', '<bellglass.sandboxes.supervisor>', 'exec'))",
    "syntax": "e = SyntaxError('x')\ne.lineno = 10 ** 30\ne.filename = 7\nraise e",
}


@pytest.mark.parametrize("how", EVIL)
async def test_evil_results_get_one_honest_reply(lasting: Target, how: str) -> None:
    execution = await lasting.python(EVIL[how])

    assert execution.status in ("error", "exit", "crashed", "oom", "timeout") or (
        execution.status == "ok" and how == "str subclass"
    )
    execution.model_dump_json().encode()


async def test_nothing_is_answered_by_asking(lasting: Target) -> None:
    execution = await lasting.python("input()")

    assert execution.error is not None
    assert execution.error.name == "EOFError"


async def test_bytes_of_any_kind_become_text(lasting: Target) -> None:
    execution = await lasting.python(
        "os.write(1, b'\\xff\\xfe\\x00\\xed\\xa0\\x80ok\\n')\n'\\ud800 lone \\0'"
    )

    assert execution.stdout.text.endswith("ok\n")
    assert "\0" not in execution.stdout.text
    execution.model_dump_json().encode()
