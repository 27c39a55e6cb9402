"""`bellglass solve`: run the agent from the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

from bellglass.agent import Agent, Limits, Recorder, Recording, Replay, SolvingError
from bellglass.server.command_line.feedback import clock
from bellglass.server.command_line.parsing import Invocation, SettingsCommand
from bellglass.server.commands.solve_options import EXAMPLES, Options, solve_options
from bellglass.server.console import print_error, printable
from bellglass.server.failures import CommandError, innermost
from bellglass.server.settings import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.agent import Answer, Model
    from bellglass.agent.answer import ModeName

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MAX_KEPT_TRANSCRIPTS = 100
MAX_TASK_CHARACTERS = 200_000


class CannotSolve(CommandError):
    """The task could not be started."""

    exit_code = 2


@click.command(cls=SettingsCommand, epilog=EXAMPLES)
@solve_options
@click.pass_obj
def command(given: Invocation, /, **options: Any) -> int:
    """Solve a task with a model.

    The model writes code for TASK, which is in words, or - for stdin. The code is run and tested in
    the sandbox, and what fails is handed back, until there is an answer with its result and the
    evidence.
    """
    try:
        return anyio.run(_until_signal, Options(**options), given)
    except SolvingError as exc:
        raise CannotSolve(str(exc)) from exc
    except BaseExceptionGroup as group:
        # The task groups of the transport wrap it; our own exception in it has the message.
        if known := group.subgroup(SolvingError):
            raise CannotSolve(str(innermost(known))) from group
        raise


async def _until_signal(options: Options, given: Invocation) -> int:
    code = 0
    async with anyio.create_task_group() as tasks:

        async def on_signal() -> None:
            nonlocal code
            with anyio.open_signal_receiver(*SIGNALS) as received:
                async for number in received:
                    code = 128 + number
                    tasks.cancel_scope.cancel()
                    return

        tasks.start_soon(on_signal)
        code = await _solve(options, given)
        tasks.cancel_scope.cancel()
    if code > 128:
        print_error("interrupted; nothing is left running.")
    return code


async def _solve(options: Options, given: Invocation) -> int:
    task, model = _task(options), _model(options)
    data = [Path(name) for name in options.data]
    mode: ModeName = options.mode or ("analyse" if data else "solve")
    if options.record is not None:
        model = Recorder(model, Path(options.record), task=task, mode=mode, data=data)
    transcript = Path(options.transcript) if options.transcript else _kept_transcript()
    tell: Callable[[str], None] = _nothing if options.quiet else _to_stderr
    variables = {f"{PREFIX}{name.upper()}": value for name, value in given.passed_on.items()}
    with nullcontext() if options.quiet else clock("Solving"):
        async with Agent(
            model,
            limits=_limits(options),
            url=options.url,
            token=_token(given.settings),
            settings=variables,
            tell=tell,
        ) as agent:
            answer = await agent.solve(task, data=data, mode=mode, transcript=transcript)
    figures = _figures(answer, transcript)
    if options.code_file is not None:
        _write(Path(options.code_file), answer.code.encode())
    shown = _as_json(answer, figures) if options.as_json else _as_text(answer, figures)
    sys.stdout.write(shown if options.as_json else printable(shown))
    sys.stdout.flush()
    tell(f"Transcript: {transcript}")
    return 0 if answer.verified else 1


def _task(options: Options) -> str:
    task = sys.stdin.read(MAX_TASK_CHARACTERS + 1) if options.task == "-" else options.task
    if not task.strip():
        raise SolvingError("The task is empty. Say in words what to do.")
    if len(task) > MAX_TASK_CHARACTERS:
        raise SolvingError(
            f"The task has more than {MAX_TASK_CHARACTERS:,} characters. Pass files as --data."
        )
    return task


def _model(options: Options) -> Model:
    if options.replay is not None:
        return Replay(Recording.read(Path(options.replay)))
    name = options.model
    if not name:
        raise SolvingError(
            "No model is named. Pass --model PROVIDER:NAME, such as anthropic:NAME, with its key "
            "in the provider's variable; or --model NAME --base-url URL for a local one; or "
            "--replay FILE."
        )
    from bellglass.agent.providers import provided

    return provided(name, base_url=options.base_url)


def _limits(options: Options) -> Limits:
    money = re.fullmatch(r"\$?(\d+(?:\.\d+)?)(?: ?usd)?", options.budget.strip(), re.IGNORECASE)
    if money is None:
        raise SolvingError("--budget is a number of tokens, or money such as 0.50usd.")
    if options.attempts < 1 or options.seconds <= 0:
        raise SolvingError("--attempts and --seconds must be above 0.")
    if options.budget.strip().isdecimal():
        return Limits(attempts=options.attempts, tokens=int(money[1]), seconds=options.seconds)
    return Limits(
        attempts=options.attempts,
        tokens=10_000_000,
        dollars=float(money[1]),
        seconds=options.seconds,
    )


def _token(settings: Settings) -> str | None:
    if settings.http_token is not None:
        return settings.http_token.get_secret_value()
    if settings.http_token_file is not None:
        try:
            return Path(settings.http_token_file).read_text().strip()
        except OSError as exc:
            text = f"The token in {settings.http_token_file} cannot be read: {exc.strerror}."
            raise SolvingError(text) from exc
    return None


def _kept_transcript() -> Path:
    """Return the path for a transcript; beyond a hundred, the oldest are deleted."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    folder = Path(state) / "bellglass" / "transcripts"
    kept = sorted(folder.glob("*.md"))
    for old in kept[: max(0, len(kept) + 1 - MAX_KEPT_TRANSCRIPTS)]:
        for file in folder.glob(f"{old.stem}*"):
            file.unlink(missing_ok=True)
    return folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.md"


def _figures(answer: Answer, transcript: Path) -> list[str]:
    paths = []
    for number, picture in enumerate(answer.figures, 1):
        path = transcript.with_name(f"{transcript.stem}-{number}.png")
        _write(path, picture)
        paths.append(str(path))
    return paths


def _write(path: Path, data: bytes) -> None:
    try:
        # It contains data and code, so only the user may read it.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(path, flags, 0o600), "wb") as file:
            file.write(data)
    except OSError as exc:
        raise SolvingError(f"{path} cannot be written: {exc.strerror}.") from exc


def _as_text(answer: Answer, figures: list[str]) -> str:
    parts = []
    if answer.code:
        parts.append(f"```{answer.language}\n{answer.code.rstrip()}\n```")
    if answer.result:
        parts.append(f"Result:\n{answer.result}")
    parts += [f"Figure: {path}" for path in figures]
    if answer.evidence:
        seen = [f"- {'' if one.held else 'FAILED: '}{one.text}" for one in answer.evidence]
        parts.append("Evidence:\n" + "\n".join(seen))
    used = answer.usage
    cost = f", {used.dollars:.4f} US dollars" if used.dollars is not None else ""
    attempts = "1 attempt" if answer.attempts == 1 else f"{answer.attempts} attempts"
    tokens = f"{used.input_tokens + used.output_tokens:,} tokens"
    parts.append(
        f"{'VERIFIED' if answer.verified else f'NOT VERIFIED. {answer.reason}'}\n"
        f"{attempts}, {tokens}{cost}, {used.seconds:.1f} s"
    )
    return "\n\n".join(parts) + "\n"


def _as_json(answer: Answer, figures: list[str]) -> str:
    record = answer.model_dump(mode="json", exclude={"figures", "transcript"})
    return json.dumps({**record, "figures": figures}, indent=2) + "\n"


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def _nothing(_: str) -> None:
    pass
