"""The options of `bellglass solve`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.agent.answer import ModeName

EXAMPLES = """\b
Examples:
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
    data: tuple[str, ...]
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


def solve_options(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that `Options` has."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.argument("task"),
    click.option("--data", multiple=True, type=click.Path(), help="A file for the code."),
    click.option(
        "--mode",
        type=click.Choice(("solve", "analyse", "transform", "compute")),
        help="The kind of task: a program with tests (solve), a question about data (analyse), the "
        "first file changed with its behaviour kept (transform), an exact value computed in two "
        "ways (compute). Default: analyse if there is data, else solve.",
    ),
    click.option("--model", metavar="PROVIDER:MODEL", help="The model that writes the code."),
    click.option("--base-url", metavar="URL", help="URL of an OpenAI-compatible endpoint."),
    click.option(
        "--attempts", type=int, default=4, show_default=True, help="Maximum number of attempts."
    ),
    click.option(
        "--budget",
        default="200000",
        show_default=True,
        metavar="TOKENS",
        help="Maximum of tokens, sent and received, or of money, such as 0.50usd.",
    ),
    click.option(
        "--seconds", type=float, default=600, show_default=True, help="Maximum time for the task."
    ),
    click.option("--record", type=click.Path(), help="Keep the model's answers in this file."),
    click.option("--replay", type=click.Path(), help="Answer from a recording, without a model."),
    click.option("--transcript", type=click.Path(), help="Where to keep every turn, in Markdown."),
    click.option("--code", "code_file", type=click.Path(), help="Write the code to this file."),
    click.option("--url", metavar="URL", help="URL of a running server, instead of starting one."),
    click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
    click.option("--quiet", is_flag=True, help="Print nothing on stderr but errors."),
)
