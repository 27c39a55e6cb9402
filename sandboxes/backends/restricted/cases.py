"""Run cases of `run_tests`: the server compares the values, out of reach of the code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
from pydantic_monty import MontyCrashedError, MontyRuntimeError, MontySyntaxError

from bellglass.sandboxes.backends.restricted import errors
from bellglass.sandboxes.common.case_names import names_of
from bellglass.sandboxes.common.equality import same
from bellglass.sandboxes.common.values import encode
from bellglass.sandboxes.worker.explaining.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.sandboxes.backends.restricted.interpreter import Interpreter

MAX_STDOUT_CHARACTERS = 4_000
"""Characters kept of the output of a case."""

NOTHING_COLLECTED_EXIT_CODE = 5
"""pytest's exit code if no test was collected."""

Event = dict[str, Any]


async def run(
    arguments: dict[str, Any], interpreter: Interpreter, send: Callable[[Event], None]
) -> None:
    """Run code and cases in a fresh interpreter; send the messages of run_tests's `suite`."""
    cases = arguments.get("cases") or []
    others = [arguments.get(name) for name in ("tests", "paths", "coverage")]
    if not cases or any(others) or not all("call" in case for case in cases):
        send({"problem": errors.NO_PYTEST})
        return
    select = arguments.get("select") or ""
    named = zip(names_of(cases), cases, strict=True)
    chosen = [(name, case) for name, case in named if select in name]
    send({"collected": [name for name, _ in chosen], "isolated": True})
    broken = await _broken(arguments["code"], interpreter)
    for index, (_, case) in enumerate(chosen):
        outcome: Event = {"outcome": "error", "message": broken if index == 0 else "As above."}
        if broken is None:
            outcome = await _timed(case, interpreter, arguments.get("test_timeout"))
        send({"tests": [{"index": index, **outcome}]})
        if arguments.get("stop") and outcome["outcome"] != "passed":
            break
    send({"finished": 0 if chosen else NOTHING_COLLECTED_EXIT_CODE})


async def _broken(code: str, interpreter: Interpreter) -> str | None:
    """Run the code under test; return why that failed, or None."""
    try:
        await interpreter.feed(f"{code}\nNone", lambda stream, text: None)
    except MontyCrashedError:
        raise
    except (MontyRuntimeError, MontySyntaxError) as exc:
        name, message = errors.named(exc)
        here = f". Here are only {errors.MODULES}." if name == "ModuleNotFoundError" else ""
        return f"The code could not be run: {name}: {message}{here}"
    await interpreter.keep()
    return None


async def _timed(case: dict[str, Any], interpreter: Interpreter, limit: float | None) -> Event:
    """Return the outcome of a case. After a timeout the code is run again for the other cases."""
    with anyio.move_on_after(limit) as scope:
        outcome = await _outcome(case, interpreter)
    if not scope.cancelled_caught:
        return outcome
    await interpreter.restore()
    return {"outcome": "failed", "cause": "timeout", "message": f"It took more than {limit:g} s."}


async def _outcome(case: dict[str, Any], interpreter: Interpreter) -> Event:
    wanted = case.get("raises")
    printed: list[str] = []
    room = MAX_STDOUT_CHARACTERS

    def note(stream: str, text: str) -> None:
        nonlocal room
        printed.append(text[:room])
        room -= len(printed[-1])

    event: Event = {"expected": f"raises {wanted}" if wanted else shown(case.get("expected"))}
    started = time.perf_counter()
    try:
        value = await interpreter.feed(case["call"], note)
    except MontyCrashedError:
        raise
    except (MontyRuntimeError, MontySyntaxError) as exc:
        name, message = errors.named(exc)
        event["actual"] = f"raises {name}: {message}"
        passed = wanted == name
    else:
        event["actual"] = shown(value)
        passed = wanted is None and same(case.get("expected"), encode(value))
    event["seconds"] = round(time.perf_counter() - started, 6)
    event["outcome"] = "passed" if passed else "failed"
    event["stdout"] = "".join(printed)
    return event
