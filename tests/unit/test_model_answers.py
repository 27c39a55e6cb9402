"""Code in answers of models, however it is fenced and whatever stands around it."""

from __future__ import annotations

import pytest

from bellglass.agent.reading import read

PROGRAM = "def double(n):\n    return 2 * n\n"
TESTS = "from solution import double\n\n\ndef test_double():\n    assert double(2) == 4\n"

FENCED = f"```python program\n{PROGRAM}```\n\nAnd\n\n```python tests\n{TESTS}```\n"

SAME = {
    "as asked": FENCED,
    "with windows line ends": FENCED.replace("\n", "\r\n"),
    "tildes": FENCED.replace("```", "~~~"),
    "longer fences": FENCED.replace("```", "`````"),
    "a word of explanation before and after": f"Sure! Here it is:\n\n{FENCED}\nHope this helps.",
    "no names, in order": FENCED.replace(" program", "").replace(" tests", ""),
    "no names, tests first": f"```python\n{TESTS}```\n\n```python\n{PROGRAM}```\n",
    "no tags": f"```\n{PROGRAM}```\n\n```\n{TESTS}```\n",
    "wrong tags": f"```javascript\n{PROGRAM}```\n\n```javascript\n{TESTS}```\n",
    "tag in capitals and braces": f"```{{.Python}}\n{PROGRAM}```\n\n```Py\n{TESTS}```\n",
    "named by file": f"```python solution.py\n{PROGRAM}```\n```py test_it.py\n{TESTS}```",
    "named by a heading": f"## solution.py\n\n```py\n{PROGRAM}```\n\n## Tests\n```py\n{TESTS}```",
    "named by a comment": f"```python\n# program\n{PROGRAM}```\n```python\n# tests\n{TESTS}```",
    "in a list": "1. The program:\n   ```python\n"
    + "".join(f"   {line}\n" for line in PROGRAM.splitlines())
    + f"   ```\n2. Tests:\n\n```python\n{TESTS}```",
    "all of it in a markdown fence": f"````markdown\n{FENCED}````",
    "all of it in a markdown fence of the same length": f"```markdown\n{FENCED}```",
    "last fence not closed": FENCED.removesuffix("```\n"),
    "first fence not closed": f"```python\n{PROGRAM}\n```python\n{TESTS}```",
    "output shown": f"{FENCED}\nOutput:\n\n```text\n4\n```\n",
    "output shown without a tag": f"{FENCED}\nIt prints:\n\n```\nx = 4\n```\n",
    "how to run it": f"```bash\npip install pytest\n```\n\n{FENCED}\n```sh\npytest\n```",
    "old code quoted": f"The original code was:\n```python\ndef old(n):\n    pass\n```\n{FENCED}",
    "usage shown": f"{FENCED}\nExample usage:\n\n```python\nprint(double(2))\n```\n",
    "a session shown": f"{FENCED}\n```python\n>>> double(2)\n4\n```\n",
    "corrected on the way": f"```python\ndef double(n):\n    pass\n```\nNo:\n\n{FENCED}",
}


@pytest.mark.parametrize("answer", SAME.values(), ids=SAME)
def test_program_and_tests_are_found(answer: str) -> None:
    reply = read(answer, "tests")

    assert reply.language == "python"
    assert _without_comment(reply.program) == PROGRAM.strip()
    assert _without_comment(reply.proof) == TESTS.strip()


def _without_comment(code: str) -> str:
    lines = code.strip().split("\n")
    return "\n".join(lines[1:] if lines[0].startswith("#") else lines)


WHOLE = {
    "in parts": ("```python\nimport math\n```\nThen:\n```python\ndef f():\n    return 1\n```\n"
                 "```python check\nanswer = 1\n```", "import math\n\ndef f():\n    return 1\n"),
    "no fence": (f"Here is the program.\n\n{PROGRAM}\nIt doubles a number.", PROGRAM),
    "nothing but code": (PROGRAM, PROGRAM),
    "indented": ("This is it:\n\n    def f():\n        return 1\n\nThat is all.",
                 "def f():\n    return 1\n"),
    "one line in backticks": ("```python print(6 * 7)```", "print(6 * 7)"),
    "recorded session": ("```pycon\n>>> x = 1\n>>> x\n1\n```", "x = 1\nx\n"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "program"), WHOLE.values(), ids=WHOLE)
def test_program_is_whole(answer: str, program: str) -> None:
    assert read(answer, "check").program.strip() == program.strip()


def test_fence_within_a_string_belongs_to_the_program() -> None:
    code = 'TEXT = """\n```python\nprint(1)\n```\n"""\nanswer = 1\n'

    assert read(f"```python program\n{code}```\nDone.", "check").program == code


def test_fence_within_a_comment_block_of_markdown_is_nested() -> None:
    answer = f"```markdown\nUse it so:\n```python\n{PROGRAM}```\n```\n"

    assert read(answer, "tests").program == PROGRAM


def test_script_is_taken_where_it_may_be_one() -> None:
    answer = "```bash program\necho hello\n```\n```python inputs\nINPUTS = [{}]\n```"
    reply = read(answer, "inputs", bash=True)

    assert (reply.language, reply.program) == ("bash", "echo hello\n")
    assert reply.proof == "INPUTS = [{}]\n"


@pytest.mark.parametrize(
    "answer", ["", "I cannot do that.", "```text\nnothing\n```", "It is 42. No code is needed!"]
)
def test_words_are_no_program(answer: str) -> None:
    assert read(answer, "tests").program == ""


def test_unfinished_answer_is_known() -> None:
    assert read("```python\ndef f(", "tests").unfinished
    assert not read(FENCED, "tests").unfinished
