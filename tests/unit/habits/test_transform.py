"""What of IPython is put into Python, and that nothing else is touched."""

import ast

import pytest

from bellglass.sandboxes.runner.habits.transform import for_module, for_reading, for_running

LINES = {
    "!ls -la": "get_ipython().system('ls -la')",
    "x = !ls": "x = get_ipython().getoutput('ls')",
    "d['a'], b = !ls": "d['a'], b = get_ipython().getoutput('ls')",
    "    !ls": "    get_ipython().system('ls')",
    "!!ls": "get_ipython().getoutput('ls')",
    "%cd data": "get_ipython().run_line_magic('cd', 'data')",
    "x = %pwd": "x = get_ipython().run_line_magic('pwd', '')",
    "len?": "get_ipython().run_line_magic('pinfo', 'len')",
    "?a.b": "get_ipython().run_line_magic('pinfo', 'a.b')",
    "a.b??": "get_ipython().run_line_magic('pinfo2', 'a.b')",
    "!echo 'it is' # not a comment": "get_ipython().system(\"echo 'it is' # not a comment\")",
}

PLAIN = [
    "x = 5 %2\ny = x!=3",
    "s = '''\n!ls\n%cd x\nlen?\n'''\n1 +",
    "s = (1\n%2)\n1 +",
    "s = 'a\\\n!b'\n1 +",
    "# really?\n# !ls\n1 +",
    "what is this?\n",
    'f"{x!r}"\n1 +',
    "a = b \\\n%c\n1 +",
]


@pytest.mark.parametrize("line", LINES)
def test_line_becomes_a_call(line: str) -> None:
    code = f"if x:\n{line}\n" if line.startswith(" ") else f"{line}\n"

    assert (for_running(code) or code) == code.replace(line, LINES[line])


@pytest.mark.parametrize("code", PLAIN)
def test_what_only_looks_like_it_stays(code: str) -> None:
    assert for_running(code) is None
    assert for_reading(code) is None
    assert for_module(code) == code


def test_every_line_keeps_its_number() -> None:
    code = "a = 1\n!echo one \\\n  two \\\n  three\nb = 2\n%time c = 3\nd = 4"

    for put in (for_running(code), for_reading(code), for_module(code)):
        assert put is not None
        names = {
            node.id: node.lineno for node in ast.walk(ast.parse(put)) if isinstance(node, ast.Name)
        }
        assert (names["a"], names["b"], names["d"]) == (1, 5, 7)


def test_a_cell_magic_takes_all_that_follows() -> None:
    code = "# a note\n\n%%bash\necho 1\n%not a magic\n"

    call = ast.parse(for_running(code) or "").body[0]

    assert ast.unparse(call) == (
        "get_ipython().run_cell_magic('bash', '', 'echo 1\\n%not a magic\\n')"
    )
    assert call.lineno == 3


def test_a_reader_sees_the_code_inside() -> None:
    assert for_reading("%%time\nimport os\n%timeit -n 3 os.remove('x')") == (
        "\nimport os\nos.remove('x')"
    )
    assert for_reading("!rm {pick(1)} ${HOME}") == (
        "get_ipython().system('rm {pick(1)} ${HOME}', (pick(1)))"
    )


def test_a_module_needs_nothing_of_ours() -> None:
    names: dict[str, object] = {}
    exec(for_module("%matplotlib inline\nhere = !echo it works"), names)

    assert names["here"] == ["it works"]
