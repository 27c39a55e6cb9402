"""Rules for values of the right type that are wrong: numbers, dates, sizes, texts."""

from __future__ import annotations

from bellglass.tools.explaining.rule import Rule

VALUES = (
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
        r"(?:invalid literal for int|could not convert string to float).*'[^']*\d,\d",
        "take the commas out: text.replace(',', ''), or thousands=',' in read_csv.",
    ),
    Rule(
        "ValueError",
        r"invalid literal for int|could not convert string to float",
        "the text is no number: strip it, skip empty ones, or catch ValueError.",
    ),
    Rule("ValueError", r"I/O operation on closed file", "use the file inside its `with` block."),
    Rule(
        "ValueError",
        r"time data .* (?:does not|doesn't) match format",
        "make the format like the text, and is it a day that exists (day or month first)? Pandas "
        "has format='mixed' and dayfirst=True.",
    ),
    Rule(
        "ValueError",
        r"Invalid isoformat string",
        "it reads 2024-12-31 and the like: give other texts to strptime, with their format.",
    ),
    Rule(
        "ValueError",
        r"x and y must have same first dimension|x and y must be the same size",
        "plot as many y as x: compare their lengths.",
    ),
    Rule(
        "ValueError",
        r"(max|min)\(\) (?:arg|iterable argument) is (?:an )?empty",
        "there is nothing in it: test that first, or pass default=... .",
    ),
    Rule(
        "ValueError",
        r"mutable default <class '(\w+)'> for field (\w+)",
        "write {1}: {0} = field(default_factory={0}), and import field from dataclasses.",
    ),
    Rule(
        "ValueError",
        r"substring not found|is not in (?:list|deque|tuple)|list\.remove\(x\)",
        "test with `in` first.",
    ),
    Rule(
        "ValueError", r"math domain error", "test the number first: its sign, or that it is not 0."
    ),
    Rule(
        "LinAlgError",
        r"[Ss]ingular matrix",
        "it has no inverse, as its rows depend on each other: use np.linalg.lstsq or pinv.",
    ),
    Rule("ValueError", r"Circular reference detected", "it holds itself: leave that part out."),
    Rule("IndexError", r"indexer is out-of-bounds", "there are fewer rows: test len() first."),
    Rule("StopIteration", r"", "it is used up: make it anew, or call next(it, default)."),
    Rule(
        "ValueError",
        r"Length of values .* does not match|arrays must (?:all )?be (?:of )?the same",
        "columns of one table need the same length.",
    ),
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
)
