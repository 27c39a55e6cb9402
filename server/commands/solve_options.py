"""The options of `bellglass solve`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.agent.answer import ModeName

EXAMPLES = """examples:
  bellglass solve "a function that merges overlapping intervals" --model anthropic:NAME
  bellglass solve "Which month sold most?" --data sales.csv --model openai:NAME
  bellglass solve "make it faster" --mode transform --data slow.py --model google:NAME
  bellglass solve "How many primes are below 10 million?" --mode compute \\
      --model NAME --base-url http://127.0.0.1:11434/v1

The answer goes to stdout, what happens meanwhile to stderr. The exit code is 0 if the answer was
verified, 1 if it was not, 2 if the task could not be started."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command line."""

    task: str
    data: list[str] | None
    mode: ModeName | None
    model: str | None
    base_url: str | None
    attempts: int
    budget: str
    seconds: float
    record: str | None
    replay: str | None
    transcript: str | None
    code_file: str | None
    url: str | None
    as_json: bool
    quiet: bool

    @classmethod
    def of(cls, options: argparse.Namespace) -> Options:
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})


def add_arguments(solve: argparse.ArgumentParser) -> None:
    solve.description = (
        "Have a model write code for a task, run and test it in the sandbox, hand back what fails, "
        "and answer with the code, its result and the evidence."
    )
    solve.epilog = EXAMPLES
    solve.formatter_class = argparse.RawDescriptionHelpFormatter
    solve.add_argument("task", help="what to do, in words; - reads it from stdin")
    solve.add_argument(
        "--data", action="append", metavar="FILE", help="a file for the code; may be repeated"
    )
    solve.add_argument(
        "--mode",
        choices=("solve", "analyse", "transform", "compute"),
        help="the kind of task: a program with tests (solve), a question about data (analyse), the "
        "first file changed with its behaviour kept (transform), an exact value computed in two "
        "ways (compute); analyse if there is data, else solve",
    )
    solve.add_argument("--model", metavar="NAME", help="PROVIDER:MODEL")
    solve.add_argument("--base-url", metavar="URL", help="URL of an OpenAI-compatible endpoint")
    solve.add_argument(
        "--attempts", type=int, default=4, metavar="N", help="maximum number of attempts (4)"
    )
    solve.add_argument(
        "--budget",
        default="200000",
        metavar="TOKENS",
        help="maximum of tokens, sent and received (200000), or of money, such as 0.50usd",
    )
    solve.add_argument(
        "--seconds", type=float, default=600, metavar="T", help="maximum time for the task (600)"
    )
    solve.add_argument("--record", metavar="FILE", help="keep the model's answers in FILE")
    solve.add_argument("--replay", metavar="FILE", help="answer from a recording, without a model")
    solve.add_argument("--transcript", metavar="FILE", help="where to keep every turn, in Markdown")
    solve.add_argument("--code", dest="code_file", metavar="FILE", help="write the code to FILE")
    solve.add_argument(
        "--url", metavar="URL", help="URL of a running server, instead of starting one"
    )
    solve.add_argument(
        "--json", dest="as_json", action="store_true", help="print the answer as JSON"
    )
    solve.add_argument("--quiet", action="store_true", help="print nothing on stderr but errors")
