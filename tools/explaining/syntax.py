"""Text that is no Python: another language, a notebook's own, or a slip."""

from __future__ import annotations

import re

from bellglass.sandboxes.runner.checking.fixes import bare

SHELL = (
    r"(?:(?:sudo|cd|ls|cat|echo|mkdir|rm|cp|mv|pip3?|apt|apt-get|git|python3?|curl|wget|source|chmod"
    r"|grep|npm)(?=\s+[-\w./~\"'$*])|ls\s*$|export \w+=|#!/bin/(?:ba)?sh)"
)

MARKS = (
    (r"```", "the Markdown fence is not part of the code: leave it out."),
    (
        r"\s*(?:!|%(?:pip|conda|bash|sh|cd|ls)\b)",
        "that is IPython: run shell commands with execute_bash.",
    ),
    (r"\s*%%\w", "a %% magic has to be the first line; all below it belongs to it."),
    (
        r"\s*%\w",
        "that is IPython: there are no magics here (figures are shown by themselves).",
    ),
    (r"\s*\?+\w|\s*\w[\w.]*\?\??\s*$", "that is IPython: use help(name)."),
    (rf"\s*\$?\s*{SHELL}", "that is shell, not Python: use execute_bash."),
    (r"\s*(?:>>>|In \[\d+\]:)", "leave out the prompts `>>>` and `...`."),
    (r"\s*print\s+[^\s(=]", "print is a function: print(...)."),
    (r"\s*exec\s+[^\s(=]", "exec is a function: exec(...)."),
    (r".*(?:\w\+\+|\w--)\s*;?\s*$", "write x += 1."),
    (r".*(?:&&|\|\|)", "Python says `and`, `or`, `not`."),
    (r"\s*(?:const|let|var|function)\s+\w", "that is JavaScript, not Python."),
    (r"\s*else\s+if\b", "Python says elif."),
    (r".*\)\s*\{\s*$", "Python opens a block with a colon and indents it: no braces."),
    (r"\s*except\s+\w+\s*,\s*\w+\s*:", "write `except (A, B):` or `except A as name:`."),
    (r"\s*raise\s+\w+\s*,", "write raise Error(message)."),
)
"""How the line looks, and what to do."""

MESSAGES = (
    (
        r"invalid non-printable character",
        "a special space or invisible character: type a plain one.",
    ),
    (r"invalid character '[\u2018-\u201f]'", "typographic quotes: use ' or \"."),
    (r"invalid character", "Python's own signs are plain ASCII: use - , * ( ) and the like."),
    (r"inconsistent use of tabs", "tabs and spaces are mixed: indent by 4 spaces all through."),
    (
        r"unindent does not match|unexpected indent",
        "lines of one block start in the same column; use 4 spaces, no tabs.",
    ),
    (r"expected an indented block", "indent what belongs to the line above it, or write `pass`."),
    (
        r"was never closed|unexpected EOF|unterminated",
        "a bracket or quote is open, or the code was cut off.",
    ),
    (
        r"closing parenthesis .* does not match|unmatched",
        "count the brackets: one before this is missing, or this one is too many.",
    ),
    (r"'await' outside", "make the function around it `async def`."),
    (
        r"'(?:return|yield)' outside function",
        "outside a function, write the value as the last line.",
    ),
    (r"leading zeros", "write the number without leading zeros, or as text."),
    (r"invalid conversion character", "write !r, !s or !a; a format comes after a colon."),
    (
        r"f-string: (?:expecting|unmatched|unterminated|invalid)|f-string expression part",
        "inside an f-string use the other kind of quotes, no backslash; double { } that are meant.",
    ),
    (r"unicodeescape", 'a backslash in a path: write r"...", or /.'),
    (r"positional argument follows keyword", "put the keyword arguments last."),
    (
        r"parameter without a default follows|non-default argument follows",
        "parameters with defaults come last.",
    ),
    (r"cannot assign to .*'=='", "compare with ==."),
)


def advice_on(message: str, line: str) -> str | None:
    """Return what to do about a text that cannot be parsed: its error, and the line it is in."""
    for pattern, advice in MARKS:
        if re.match(pattern, bare(line[:2_000])):
            return advice
    for pattern, advice in MESSAGES:
        if re.search(pattern, message[:2_000]):
            return advice
    return None
