"""Rendering of an execution for a model: what happened, the output, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bellglass.sandboxes.session_limits import MIB
from bellglass.sandboxes.sessions.notices import REPLACED, RESTARTED
from bellglass.tools.error_text import (
    MAX_TEXT_CHARACTERS,
    error_parts,
    error_record,
    first_line,
    place,
    shortened,
)
from bellglass.tools.execute import displays
from bellglass.tools.execute.changed_files import changed_record, changes_line, links_to_changed
from bellglass.tools.execute.hints.hints import hint_for
from bellglass.tools.execute.network_text import network_lines, network_record
from bellglass.tools.execute.reading_on import listed_calls, reads_on
from bellglass.tools.execute.run_text import begun, more_time, went
from bellglass.tools.execute.text_layout import Part
from bellglass.tools.files.addresses import file_uri
from bellglass.tools.files.links import link_to_output, takes_links
from bellglass.tools.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mcp.server.mcpserver import Context
    from mcp.types import ImageContent, ResourceLink

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.session import Session
    from bellglass.tools.context import ToolContext

RECORD = "bellglass/execution"


class Rendered(NamedTuple):
    """The rendered execution, built once."""

    parts: list[str | ImageContent]
    """What the code printed and showed, for the model."""
    notes: list[str]
    """Lines of ours, in a block of their own."""
    links: list[ResourceLink]
    """Links to files that hold more, for a client that supports links."""
    record: dict[str, Any]
    """The record, for programs."""
    view: list[dict[str, Any]]
    """Displays that a client may show better than as text."""
    failed: bool
    """Whether the code failed."""


def rendered(
    execution: Execution,
    session: Session,
    ctx: Context[ToolContext],
    *,
    timeout: float,
    note: str | None = None,
    saved: str | None = None,
    command: str = "",
    empty: bool = False,
) -> Rendered:
    """Return what is told of a call, or of a background run.

    `note` says how the code was found in what was given; `saved` says what was
    saved on the user's machine; `command` is what Bash ran.
    """
    request = ctx.request_context
    context = request.lifespan_context
    if context.listener is not None:
        context.listener.end(execution)
    parts = listed_calls(_parts(execution, context, timeout), execution, context)
    notes = [*_untold_cuts(execution, parts, context), *_notes(execution)]
    shown = execution.stdout.text or execution.stderr.text or execution.value is not None
    if execution.runs:
        quiet = execution.status in ("ok", "running", "cancelled")
        if quiet and not shown and not execution.displays:
            parts.append("(no new output)")
    elif execution.status == "ok" and not shown and not execution.displays:
        parts.insert(0, "(no output: there was nothing to run)" if empty else "(no output)")
    if note:
        notes.append(f"Note: {note}")
    linked = takes_links(request)
    says_how = not linked and "read_file" not in context.left_out
    notes += changes_line(execution, says_how=says_how)
    notes += [saved] if saved else []
    hint = hint_for(
        execution,
        context.limits,
        fresh=session.calls <= 1,
        network=context.network,
        packages=context.packages,
        longer=more_time(execution, session, context),
        command=command,
    )
    if hint:
        notes.append(hint)
    return Rendered(
        parts=parts,
        notes=ours(notes, session.id),
        links=_links(execution, session) if linked else [],
        record=record(execution, session, hint),
        view=displays.for_view(execution, session),
        failed=execution.status not in ("ok", "cancelled", "running"),
    )


def rendered_start(
    execution: Execution, session: Session, ctx: Context[ToolContext], note: str | None = None
) -> Rendered:
    """Return what is told of a call that began a background run, or was refused one."""
    if execution.status != "running" or not execution.runs:
        return rendered(execution, session, ctx, timeout=0, note=note)
    notes = [begun(execution.runs[0], session)]
    notes += [f"Note: {said}" for said in (*execution.notices, note) if said]
    return Rendered(
        parts=[],
        notes=ours(notes, session.id),
        links=[],
        record=record(execution, session),
        view=[],
        failed=False,
    )


def _links(execution: Execution, session: Session) -> list[ResourceLink]:
    outputs = (link_to_output(out, session) for out in (execution.stdout, execution.stderr))
    return [
        *(link for link in outputs if link is not None),
        *displays.links(execution, session),
        *links_to_changed(execution, session.id),
    ]


def record(execution: Execution, session: Session, hint: str | None = None) -> dict[str, Any]:
    """Return the record of an execution, for programs."""
    files = {
        name: _file_record(output.file, output.file_bytes, session)
        for name, output in (("stdout", execution.stdout), ("stderr", execution.stderr))
        if output.file is not None
    }
    return {
        "session_id": session.id,
        "status": execution.status,
        "exit_code": execution.exit_code,
        "signal": execution.signal,
        "wall_seconds": execution.wall_seconds,
        "cpu_seconds": execution.cpu_seconds,
        "peak_memory_bytes": execution.peak_memory_bytes,
        "cut": {"stdout": execution.stdout.cut_bytes, "stderr": execution.stderr.cut_bytes},
        "files": files,
        "display_files": [
            _file_record(display.file, display.file_bytes, session)
            for display in execution.displays
            if display.file is not None
        ],
        **changed_record(execution, session.id),
        "state": execution.state,
        "undone_calls": execution.undone_calls,
        "killed_processes": execution.killed_processes,
        "network": network_record(execution.network),
        "run": execution.runs[0].model_dump(mode="json") if execution.runs else None,
        "error": error_record(execution.error, hint) if execution.error is not None else None,
        "sandbox": session.metadata,
    }


def _file_record(path: str, size: int, session: Session) -> dict[str, Any]:
    return {"path": path, "bytes": size, "uri": file_uri(session.id, path)}


def _parts(
    execution: Execution, context: ToolContext, timeout: float
) -> Iterator[str | ImageContent]:
    failed = execution.status not in ("ok", "running")
    if execution.runs:
        how = _outcome(execution, context, timeout) if failed else ""
        yield Part("failure" if how else "note", went(execution.runs[0], execution, how))
    elif failed:
        outcome = one_line(_outcome(execution, context, timeout))
        yield Part("failure", f"{outcome}{_state(execution)}")
    if execution.error is not None and execution.status != "exit":
        yield from (Part.shown("failure", part) for part in error_parts(execution.error))
    elif execution.error is not None and execution.error.name == "SystemExit":
        yield Part.shown("failure", shortened(execution.error.message, MAX_TEXT_CHARACTERS))
    if execution.stdout.text and failed:
        yield Part("heading", "stdout:")
    yield from displays.in_order(execution)
    if execution.value is not None:
        yield Part.shown("value", shortened(execution.value, MAX_TEXT_CHARACTERS))
    if execution.stderr.text:
        yield Part("heading", "stderr:")
        yield Part.shown("stderr", execution.stderr.text.rstrip("\n"))


def _notes(execution: Execution) -> Iterator[str]:
    failed = execution.status not in ("ok", "running")
    for notice in execution.notices:
        yield f"Note: {notice}"
    yield from network_lines(execution.network)
    if not failed and not execution.runs and (state := _state(execution)):
        yield f"Note: the code ended its own process{state}"
    if execution.background_bytes:
        yield (
            f"Note: {execution.background_bytes:,} bytes that threads or processes of earlier "
            "calls printed are not shown."
        )
    if execution.killed_processes:
        count = execution.killed_processes
        were, they = ("process was", "it was") if count == 1 else ("processes were", "they were")
        yield f"Note: {count} {were} still running at the end of the call; {they} stopped."


def _untold_cuts(
    execution: Execution, parts: list[str | ImageContent], context: ToolContext
) -> Iterator[str]:
    """Yield what was cut where the text does not say so, as the program erased it from a screen."""
    text = "\n".join(part for part in parts if isinstance(part, str))
    for name, output in (("stdout", execution.stdout), ("stderr", execution.stderr)):
        cut = f"{output.cut_bytes:,} of {output.total_bytes:,} bytes omitted"
        if output.cut_bytes and f"[… {cut}" not in text:
            how = reads_on(output.file, context) if output.file else ""
            yield f"Note: {name}: {cut}{how}"


def ours(notes: Iterable[str], session_id: str) -> list[str]:
    """Return the lines of the last block of a result, in which only our text begins a line.

    A program can print what looks like a note or a session_id, but not into this block: foreign
    text in a note, such as the name of a file, is within its line.
    """
    return [*map(one_line, notes), f"session_id: {session_id}"]


def _outcome(execution: Execution, context: ToolContext, timeout: float) -> str:
    """Return how the code failed, in one line."""
    match execution.status:
        case "error" if error := execution.error:
            return f"Failed: {first_line(error)}"
        case "exit":
            shown = execution.stdout.text or execution.stderr.text or execution.displays
            quiet = "" if shown or execution.error else " (no output)"
            return f"Exited with code {execution.exit_code}{quiet}"
        case "timeout":
            where = place(execution.error) if execution.error is not None else ""
            return f"Timed out after {timeout:g} s{where}"
        case "cancelled":
            return "Cancelled"
        case "oom":
            return f"Killed: out of memory (limit {context.limits.memory_bytes // MIB} MiB)"
        case "killed":
            return f"Killed by {execution.signal or 'a signal'}"
        case "crashed" if execution.signal:
            return f"Crashed: {execution.signal}"
        case "crashed":
            return f"Crashed: the interpreter exited with code {execution.exit_code}"
        case "lost":
            return "Lost"
        case _:
            return "Failed"


def _state(execution: Execution) -> str:
    """Return what became of the variables, if that is in doubt."""
    if execution.status == "lost":
        return ". Variables and files are gone; the next call starts afresh."
    match execution.state:
        case "restored" if execution.undone_calls:
            return ". Variables are older than this call: see the note."
        case "restored":
            return ". Variables are as they were before this call."
        case "lost" if not any(said.endswith((RESTARTED, REPLACED)) for said in execution.notices):
            return ". State was lost: variables are gone, files are kept."
        case "kept" if execution.status in ("timeout", "cancelled", "oom", "killed", "crashed"):
            return ". Variables are kept."
        case _:
            return ""
