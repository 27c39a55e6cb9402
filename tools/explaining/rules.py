"""Failures that are known by their message, and what to do about each.

A rule is the names of exceptions (all of them, if there are none), what their message has in it,
and the advice, in which `{0}` is the first group of the pattern.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Rule(NamedTuple):
    names: str
    pattern: str
    advice: str


NETWORK = (
    r"[Tt]emporary failure in name resolution|Name or service not known|Network is unreachable"
    r"|Could not resolve host|unable to resolve host|No address associated with hostname"
    r"|Could not find a version that satisfies|Failed to establish a new connection"
    r"|getaddrinfo failed|nodename nor servname"
)

RULES = (
    Rule("", NETWORK, "the sandbox has no network. Nothing can be downloaded or installed."),
    # --- asyncio
    Rule(
        "RuntimeError",
        r"asyncio\.run\(\) cannot be called from a running|event loop is already running",
        "a loop runs already. Write `await main()`: await works at the top level.",
    ),
    Rule(
        "RuntimeError",
        r"no (?:running|current) event loop",
        "call it from async code: `await` works at the top level.",
    ),
    Rule(
        "TypeError AttributeError",
        r"'coroutine' object",
        "an `await` is missing before the call that made the coroutine.",
    ),
    Rule(
        "TypeError",
        r"object (\w+) can't be used in 'await' expression",
        "what is awaited is a plain {0}: drop the `await`.",
    ),
    # --- None, and wrong types
    Rule(
        "TypeError AttributeError",
        r"'NoneType' object|and 'NoneType'|'NoneType' and|NoneType$|not NoneType",
        "a value is None: a function without return, or a method that changes its object in "
        "place (sort, append, update), gives None.",
    ),
    Rule(
        "TypeError",
        r"unsupported operand type\(s\) for \S+: '(?:int|float)' and 'str'"
        r"|unsupported operand type\(s\) for \S+: 'str' and '(?:int|float)'"
        r"|'[<>]=?' not supported between instances of '(?:int|float)' and 'str'"
        r"|'[<>]=?' not supported between instances of 'str' and '(?:int|float)'",
        "one is text, one a number: convert it with int() or float(), or str().",
    ),
    Rule(
        "TypeError",
        r"can only concatenate str \(not \"(\w+)\"\) to str",
        "turn the {0} into text with str(), or use an f-string.",
    ),
    Rule(
        "TypeError",
        r"(?:list|tuple) indices must be integers or slices, not str",
        "it is a list: take an item by its number first, or loop over it.",
    ),
    Rule(
        "TypeError",
        r"string indices must be integers",
        "it is text, not a dict: is it JSON to be parsed, or a key that a loop gives?",
    ),
    Rule("TypeError", r"unhashable type: '(list|dict|set)'", "use a tuple or a frozenset."),
    Rule(
        "TypeError",
        r"Object of type (\w+) is not JSON serializable",
        "convert {0} first, or pass default=str to json.dumps.",
    ),
    Rule(
        "TypeError",
        r"'module' object is not callable",
        "that is the module: call what is in it, such as datetime.datetime.",
    ),
    Rule(
        "TypeError",
        r"'(list|dict|str|int|float|set|tuple)' object is not callable",
        "a variable hides a function of that name, or [ ] was meant: rename it, or `del` it.",
    ),
    Rule(
        "TypeError",
        r"offset-naive and offset-aware",
        "give both datetimes a time zone, as in datetime.now(timezone.utc).",
    ),
    Rule(
        "TypeError",
        r"(\w+)\(\) takes (\d+) positional arguments? but (\d+) (?:was|were) given",
        "the object itself counts as one argument: is `self` missing?",
    ),
    # --- values
    Rule(
        "ValueError",
        r"too many values to unpack \(expected (\d+)",
        "there are more than {0} values: take the rest with `*rest`, or unpack fewer. Over a "
        "dict, loop over .items().",
    ),
    Rule(
        "ValueError",
        r"not enough values to unpack \(expected (?:at least )?(\d+), got (\d+)\)",
        "there are {1} values for {0} names.",
    ),
    Rule(
        "ValueError",
        r"operands could not be broadcast together|matmul: Input operand|shapes .* not aligned",
        "the shapes do not fit: compare .shape; transpose with .T or reshape one of them.",
    ),
    Rule(
        "ValueError",
        r"all the input array dimensions|inhomogeneous shape|cannot reshape array",
        "the sizes do not fit: compare .shape or the lengths of the rows.",
    ),
    Rule(
        "ValueError",
        r"truth value of (?:an array|a Series|a DataFrame)",
        "say .any() or .all(); join conditions with & and |, each in brackets.",
    ),
    Rule(
        "ValueError",
        r"invalid literal for int\(\) with base \d+: '[-+]?\d+\.\d*'",
        "the text is a decimal number: int(float(text)).",
    ),
    Rule(
        "ValueError",
        r"invalid literal for int|could not convert string to float",
        "the text is no number: strip it, skip empty ones, or catch ValueError.",
    ),
    Rule("ValueError", r"I/O operation on closed file", "use the file inside its `with` block."),
    Rule("ValueError", r"time data .* does not match format", "make the format like the text."),
    Rule(
        "ValueError",
        r"Length of values .* does not match|arrays must (?:all )?be (?:of )?the same",
        "columns of one table need the same length.",
    ),
    # --- text and files
    Rule(
        "UnicodeDecodeError",
        r"0x(?:89|8b|d0) in position [01]:",
        "the file is not text: open it in mode 'rb' (it may be an image, gzip, or Office).",
    ),
    Rule("UnicodeDecodeError", r"0xf[ef] in position 0", "open it with encoding='utf-16'."),
    Rule(
        "UnicodeDecodeError",
        r"codec can't decode",
        "the file is not in that encoding: try encoding='cp1252', or errors='replace'.",
    ),
    Rule("UnicodeEncodeError", r"surrogates not allowed", "encode with errors='replace'."),
    Rule("UnicodeEncodeError", r"codec can't encode", "encode it as UTF-8."),
    Rule(
        "JSONDecodeError",
        r"property name enclosed in double quotes",
        "JSON needs double quotes and no trailing comma; a Python literal is read by "
        "ast.literal_eval.",
    ),
    Rule("JSONDecodeError", r"char 0\)", "the text is empty or no JSON: look at it first."),
    Rule("JSONDecodeError", r"Extra data", "more than one value: is it one JSON text per line?"),
    Rule(
        "JSONDecodeError", r"Invalid control character", "write \\n in JSON text, or strict=False."
    ),
    Rule(
        "JSONDecodeError",
        r"Unterminated string|delimiter|Expecting value",
        "the text is not whole, or has a stray comma or quote at that place.",
    ),
    Rule("EOFError", r"reading a line", "input() has nothing to read: put the values in the code."),
    # --- limits
    Rule("", r"No space left on device", "the disk of the session is full: delete files."),
    Rule("", r"Too many open files", "close files as you go, with `with`."),
    Rule(
        "",
        r"can't start new thread|Resource temporarily unavailable|limit of processes",
        "the session is at its limit of processes and threads: start fewer.",
    ),
    Rule("PermissionError", r"", "only the working directory and /tmp can be written to."),
    Rule(
        "OSError",
        r"Read-only file system",
        "only the working directory and /tmp can be written to.",
    ),
    Rule("IsADirectoryError", r"", "that is a directory: name a file in it."),
    Rule("FileExistsError", r"", "it is there already: pass exist_ok=True, or another name."),
    Rule("RecursionError", r"", "is there a case that ends it? For deep data, use a loop."),
    # --- the rest
    Rule(
        "NotImplementedError",
        r"monty syntax parser",
        "this server evaluates a subset of Python: write it without that.",
    ),
    Rule(
        "AttributeError",
        r"has no attribute '(iteritems|iterkeys|itervalues|has_key)'",
        "that was Python 2: use items(), keys(), values() or `in`.",
    ),
    Rule(
        "AttributeError", r"'DataFrame' object has no attribute 'append'", "use pd.concat([a, b])."
    ),
    Rule(
        "AttributeError",
        r"'(?:DataFrame|Series)' object has no attribute 'ix'",
        "use .loc or .iloc.",
    ),
    Rule(
        "AttributeError",
        r"module 'numpy' has no attribute '(float|int|bool|object|str)'",
        "use Python's own {0}.",
    ),
    Rule("AttributeError", r"'numpy.ndarray' object has no attribute 'append'", "use np.append."),
    Rule(
        "AttributeError",
        r"module 'datetime' has no attribute '(now|today|strptime|utcnow)'",
        "the class is in the module: datetime.datetime.{0}().",
    ),
    Rule("AttributeError", r"module 'time' has no attribute 'clock'", "use time.perf_counter()."),
    Rule(
        "ImportError AttributeError",
        r"partially initialized module",
        "two modules import each other, or a file of yours has the name of a module.",
    ),
    Rule(
        "PicklingError AttributeError",
        r"[Cc]an't (?:pickle|get) (?:local object|.*lambda)",
        "only functions at the top level of a module can be sent to another process.",
    ),
    Rule(
        "UnboundLocalError",
        r"local variable '(\w+)'|free variable '(\w+)'",
        "it is assigned in this function, so it is local all through: pass it in, or declare it "
        "global or nonlocal.",
    ),
    Rule("RuntimeError", r"changed size during iteration", "loop over a copy: list(it)."),
    Rule("TclError", r"", "there is no screen; figures of matplotlib come back as images."),
)


def offline(text: str) -> str | None:
    """Return what to do if `text` tells of a network that was missed."""
    rule = RULES[0]
    return rule.advice if re.search(rule.pattern, text[-4_000:]) else None


def advice_for(name: str, message: str) -> str | None:
    """Return the advice of the first rule that knows a failure."""
    for rule in RULES:
        if rule.names and name not in rule.names.split():
            continue
        if found := re.search(rule.pattern, message[:20_000]):
            return rule.advice.format(*(group or "" for group in found.groups()))
    return None
