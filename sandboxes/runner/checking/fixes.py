"""What to do about a syntax error, where its message and its line tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLOSING = {"(": ")", "[": "]", "{": "}"}

_BY_MESSAGE = (
    (r"expected `?'?:'?`?(, found newline)?$", "end this line with a colon"),
    (r"expected an indented block", "indent this line further than the line that opens its block"),
    (r"unexpected indent", "indent this line like the one above it"),
    (r"unindent does not match", "indent this line exactly like an earlier line of its block"),
    (r"inconsistent use of tabs", "indent with spaces only"),
    (r"unterminated triple-quoted", "close the string with the three quotes that open it"),
    (
        r"unterminated (f-)?string|missing closing quote",
        "close the string on its line, or open and close it with three quotes",
    ),
    (r"perhaps you forgot a comma|expected `,`, found", "put a comma here"),
    (r"missing parentheses in call to '?(print|exec)", "write the arguments in parentheses"),
    (r"unmatched '([)\]}])'", "remove it, or open the bracket before it"),
    (r"line continuation character", "nothing may stand behind a backslash at the end of a line"),
    (r"non-printable character U\+(00A0|200B|FEFF|202F)", "write a plain space, or nothing"),
    (r"'?await`?'? (outside|should)", "define the function around it with async def"),
    (r"'?`?return`?'? .*outside", "indent it into a function, or print the value"),
    (r"`?'?(break|continue)`?'? .*(outside|not properly)", "put it inside a loop"),
    (r"positional argument (follows|cannot follow) keyword", "put positional arguments first"),
    (r"invalid decimal literal", "a name cannot begin with a digit, nor a number hold letters"),
    (r"cannot assign to|invalid assignment target", "only a name, an item or an attribute can"),
    (r"duplicate argument|duplicate parameter", "give each parameter a name of its own"),
    (r"non-default (argument|parameter) follows|parameter without a default", "move it forward"),
    (r"NUL byte", "write \\x00 where a string needs one"),
    (r"carriage return", "end lines with a line feed alone"),
)

_BY_LINE = (
    (r"\s*else\s+if\b", "write elif"),
    (r"\s*(if|elif|while)\b[^=!<>]*[^=!<>]=[^=]", "compare with =="),
    (r"\s*(print|exec) ", "write the arguments in parentheses"),
    (r".*&&", "write and"),
    (r".*\|\|", "write or"),
    (r".*(\+\+|--)\s*;?\s*$", "write += 1 or -= 1"),
    (r".*[^=!<>]!\s*\w", "write not"),
    (r"\s*(function|func|fn)\s+\w+\s*\(", "define functions with def NAME(...):"),
    (r"\s*(const|let|var)\s+\w+\s*=", "assign without a keyword in front"),
    (r"\s*(switch|do)\b", "Python has no such statement: use match, or if and while"),
    (r".*\)\s*\{\s*$", "open a block with a colon and indent what is in it"),
    (r"\s*catch\b", "write except"),
    (r"\s*except\s+\w+\s*,\s*\w+\s*:", "write except ERROR as NAME:"),
    (r"\s*raise\s+\w+\s*,", "write raise ERROR(MESSAGE)"),
    (r"(<{7}|={7}|>{7})", "resolve the merge conflict"),
    (r"\s*(>>>|\.\.\.) ", "take the prompts of the interactive interpreter out"),
)

_ASCII = {
    **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\uff02", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u2032", "'"),
    **dict.fromkeys("\u2013\u2014\u2212", "-"),
    "\u00d7": "*",
    "\u00f7": "/",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2260": "!=",
    "\u2192": "->",
    "\u2026": "...",
    "\uff08": "(",
    "\uff09": ")",
    "\uff0c": ",",
    "\uff1a": ":",
    "\uff1d": "=",
}


_TEXT = re.compile(r"""'[^']*(?:'|$)|"[^"]*(?:"|$)|#(?!!).*""")


def bare(line: str) -> str:
    """Return `line` with nothing in its texts, and without a comment."""
    return _TEXT.sub(lambda found: "" if found[0][0] == "#" else found[0][0] * 2, line)


def fix(message: str, line: str) -> str | None:
    """Return how to mend the syntax error that `message` tells of `line`, if that is known."""
    return next(_fixes(message, line), None)


def _fixes(message: str, line: str) -> Iterator[str]:
    if opened := re.search(r"'([(\[{])' was never closed", message):
        yield f"close it with {_CLOSING[opened.group(1)]}"
    wrong = re.search(r"invalid character '(.)'", message)
    if wrong and wrong.group(1) in _ASCII:
        yield f"write {_ASCII[wrong.group(1)]}"
    if message.startswith("f-string: invalid conversion"):
        yield "write !r, !s or !a; how a value is formatted comes after a colon"
    for pattern, advice in _BY_LINE:
        if re.match(pattern, bare(line[:500])):
            yield advice
    for pattern, advice in _BY_MESSAGE:
        if re.search(pattern, message, re.IGNORECASE):
            yield advice
