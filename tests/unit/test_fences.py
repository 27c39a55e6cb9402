"""Code is taken out of Markdown, and left alone wherever it is code as it is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bellglass.tools.fences import unwrapped

if TYPE_CHECKING:
    from bellglass.tools.results import Language

WRAPPED: list[tuple[Language, str, str]] = [
    ("python", "```python\nprint(1)\n```", "print(1)\n"),
    ("python", "```\nprint(1)\n```\n", "print(1)\n"),
    ("python", "~~~python\nprint(1)\n~~~", "print(1)\n"),
    ("python", "````python\nprint(1)\n````", "print(1)\n"),
    ("python", "```js\nprint(1)\n```", "print(1)\n"),
    ("python", "```{.python}\nprint(1)\n```", "print(1)\n"),
    ("python", '```python title="a.py"\nprint(1)\n```', "print(1)\n"),
    ("python", "```python\r\nprint(1)\r\n```", "print(1)\r\n"),
    ("python", "Here's the code:\n\n```python\nprint(1)\n```", "print(1)\n"),
    ("python", '```python\nprint(1)\n```\nIt isn\'t "long".', "print(1)\n"),
    ("python", "```python\nx = 1\n```\nThen:\n```python\nprint(x)\n```", "x = 1\nprint(x)\n"),
    ("python", "```bash\npip install a\n```\n```python\nprint(1)\n```", "print(1)\n"),
    ("python", "```python\nprint(1)\n```\nOutput:\n```\n1\n```", "print(1)\n"),
    ("python", "```python\nprint(1)", "print(1)\n"),
    ("python", "print(1)\n```", "print(1)\n"),
    ("python", "```python\nx = 1\n```python\nprint(x)\n```", "x = 1\nprint(x)\n"),
    ("python", "1. Do:\n\n   ```python\n   if x:\n       y()\n   ```", "if x:\n    y()\n"),
    ("python", "```print(1)```", "print(1)"),
    ("python", "```pycon\n>>> x = 1\n>>> x\n1\n```", "x = 1\nx\n"),
    ("python", "```python\n'''\n```\na\n```\n'''\n```", "'''\n```\na\n```\n'''\n"),
    ("python", "Here is the code you asked for:\n\nprint(1)\n", "print(1)\n"),
    ("bash", "```bash\nls -l\n```", "ls -l\n"),
    ("bash", "```sh\necho 'a' \"b\"\n```\nThat's it.", "echo 'a' \"b\"\n"),
    ("bash", "Here's the users' command:\n```sh\necho 'a'\n```", "echo 'a'\n"),
    ("bash", "```console\n$ ls\na\n$ pwd\n```", "ls\npwd\n"),
    (
        "bash",
        "```bash\ncat > a.md <<'EOF'\n```python\nx\n```\nEOF\n```",
        "cat > a.md <<'EOF'\n```python\nx\n```\nEOF\n",
    ),
    ("bash", "Run the following command:\nls -l", "ls -l"),
    ("bash", "echo one\r\necho two\r\n", "echo one\necho two\n"),
    ("bash", "```bash\r\nls\r\n```", "ls\n"),
    ("python", "```markdown\nSo:\n```python\nprint(1)\n```\n```\n", "print(1)\n"),
    ("python", "- Run:\n- ```python\n  print(1)\n  ```", "print(1)\n"),
    ("python", "```python\nx = 1\n```\nIt's '''.\n```python\nx\n```", "x = 1\nx\n"),
]


@pytest.mark.parametrize(("language", "text", "code"), WRAPPED)
def test_code_is_taken_out_of_what_is_around_it(language: Language, text: str, code: str) -> None:
    found = unwrapped(text, language)

    assert found.code == code
    assert found.note
    assert found.note.endswith(".")


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", 'def f():\n    """\n    ```python\n    x\n    ```\n    """\n'),
        ("python", "x = '''\n```\na\n```\n'''"),
        ("python", "x = f'''\n```\n{y}\n```\n'''"),
        ("python", "# it's\nx = '''\n```\n'''\n"),
        ("python", "x = '\\'\\\n```'\ny = 1"),
        ("python", "(\n~~~x\n,\n~~~\ny)"),
        ("python", "~~~x"),
        ("python", "This is not\nprint(1)"),
        ("python", "Here: int = 1\nprint(Here)"),
        ("bash", "cat > a.md <<'EOF'\n```python\nx\n```\nEOF\n"),
        ("bash", "cat > a.md <<-EOF\n```\nit's\n```\n\tEOF\necho 'a'"),
        ("bash", "cat <<A <<B\n```\nA\n```\nB\n"),
        ("bash", 'git commit -m "a\n\n```\nb\n```\n"'),
        ("bash", "echo 'a\n```\nb\n```\n' > a.md"),
        ("bash", "cat <<A <<B\n```\nA\n```\nB\necho 'x\n```\n'"),
        ("bash", "printf 'a\r\nb'\necho c\r\n"),
        ("bash", "x=$((1<<n))\necho $x"),
        ("bash", "Rscript a.R b:\nls"),
        ("bash", "echo ```date```"),
    ],
)
def test_code_as_it_stands_is_left_alone(language: Language, code: str) -> None:
    assert unwrapped(code, language) == (code, None)


def test_the_note_tells_what_was_left_out() -> None:
    text = "Look:\n```json\n{}\n```\n```python\nprint(1)\n```"

    assert unwrapped(text, "python").note == (
        "The code was taken out of a Markdown fence; lines count from its own first one. "
        "Left out: 1 of other kinds (json). The text around it was left out."
    )


_PIECES = st.sampled_from(
    [
        *(
            "```\n",
            "```python\n",
            "~~~\n",
            "~~~x\n",
            "\n",
            "x = 1\n",
            "'",
            '"',
            "'''",
            '"""',
            "\\",
            "#",
            "(",
        ),
        *(")", "f'{x}'", "a", " ", "    ", "Here is it:\n", "<<EOF\n", "EOF\n"),
    ]
)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.lists(_PIECES, max_size=14).map("".join))
def test_no_valid_program_is_ever_changed(text: str) -> None:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        unwrapped(text, "bash")
        assert isinstance(unwrapped(text, "python").code, str)
    else:
        assert unwrapped(text, "python").code == text
