"""Failures that are known by their message, and what to do about each."""

from __future__ import annotations

import re

from bellglass.tools.explaining.rule import Rule
from bellglass.tools.explaining.rules_of_types import TYPES
from bellglass.tools.explaining.rules_of_values import VALUES

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
    *TYPES,
    *VALUES,
    # --- limits
    Rule("OSError", r"File too large", "that is more than the disk of a session: write less."),
    Rule("", r"No space left on device", "the disk of the session is full: delete files."),
    Rule("", r"Too many open files", "close files as you go, with `with`."),
    Rule(
        "",
        r"can't start new thread|Resource temporarily unavailable|limit of processes",
        "the session is at its limit of processes and threads: start fewer.",
    ),
    Rule("PermissionError", r"it has no files", "write the data into the code."),
    Rule("PermissionError", r"", "only the working directory and /tmp can be written to."),
    Rule(
        "OSError",
        r"Read-only file system",
        "only the working directory and /tmp can be written to.",
    ),
    Rule("IsADirectoryError", r"", "that is a directory: name a file in it."),
    Rule("FileExistsError", r"", "it is there already: pass exist_ok=True, or another name."),
    Rule(
        "RecursionError",
        r"during (?:ast construction|compilation)",
        "an expression is too long or nests too deeply to be read: build it in steps.",
    ),
    Rule("RecursionError", r"", "is there a case that ends it? For deep data, use a loop."),
    # --- the rest
    Rule(
        "error PatternError",
        r"at position \d+",
        "a sign that is meant as such needs a backslash: re.escape(text), or r'\\('.",
    ),
    Rule(
        "OperationalError",
        r"no such table",
        "create it first; a connection to ':memory:' begins empty, and ends with it.",
    ),
    Rule(
        "ImportError",
        r"Unable to find a usable engine.*'pyarrow'",
        "pyarrow is not installed: use CSV, JSON or to_pickle.",
    ),
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
        "AttributeError",
        r"Can only use \.str accessor",
        "it is no text: convert it with .astype(str) first.",
    ),
    Rule(
        "AttributeError",
        r"Can only use \.dt accessor",
        "it holds no dates: convert it with pd.to_datetime first.",
    ),
    Rule(
        "AttributeError TypeError",
        r"unexpected keyword argument 'colou?rs?'",
        "matplotlib calls it color (c in scatter).",
    ),
    Rule(
        "OSError",
        r"is not a valid package style",
        "plt.style.available lists them; seaborn's are called seaborn-v0_8 and the like.",
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
    Rule(
        "RuntimeError",
        r"changed size during iteration",
        "loop over a copy, as in `for x in list(d)`.",
    ),
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
