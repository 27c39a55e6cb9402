"""Rules for values of the wrong type, `None` first among them."""

from __future__ import annotations

from bellglass.tools.explaining.rule import Rule

TYPES = (
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
    Rule("TypeError", r"unhashable type: '(list|set)'", "use a tuple or a frozenset."),
    Rule(
        "TypeError",
        r"unhashable type: 'dict'",
        "use one of its values, or tuple(sorted(d.items())), in its place.",
    ),
    Rule(
        "TypeError",
        r"can only concatenate list \(not \"(\w+)\"\) to list",
        "put it into a list, as in a + [b], or use append.",
    ),
    Rule(
        "TypeError",
        r"can't multiply sequence by non-int of type 'str'",
        "both are text: convert them with int() or float().",
    ),
    Rule(
        "TypeError",
        r"only integer scalar arrays can be converted to a scalar index",
        "np.concatenate and its like take one list of arrays: np.concatenate([a, b]).",
    ),
    Rule(
        "TypeError",
        r"Cannot perform reduction '(\w+)' with string dtype|agg function failed .*object",
        "some columns are text: choose the numeric ones, or pass numeric_only=True.",
    ),
    Rule(
        "TypeError",
        r"non-default argument '(\w+)' follows default argument",
        "move {0} before the fields that have a default, or give it one.",
    ),
    Rule(
        "TypeError",
        r"'str' object does not support item (?:assignment|deletion)",
        "text cannot be changed: make a new one, as with replace(), slices or ''.join(list).",
    ),
    Rule(
        "TypeError",
        r"'tuple' object does not support item (?:assignment|deletion)",
        "a tuple cannot be changed: make it a list, or a new tuple.",
    ),
    Rule("TypeError", r"'int' object is not iterable", "count with range(n), or put it in a list."),
    Rule(
        "TypeError",
        r"'float' object cannot be interpreted as an integer",
        "divide with // or convert it with int().",
    ),
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
        r"\w+\.\w+\(\) takes \d+ positional arguments? but \d+ (?:was|were) given",
        "the object itself counts as one argument: is `self` missing?",
    ),
)
