"""The answer of validate_code, from what the sandbox reports of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError

from bellglass.sandboxes.errors import SessionLost
from bellglass.tools.error_text import shortened
from bellglass.tools.results import Finding, Language, Missing, Risk, Validation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.execution import Execution

MAX_TEXT_CHARACTERS = 40_000


class _Part(BaseModel):
    """One message of `inside.check`."""

    errors: list[Finding] | None = Field(default=None, max_length=200)
    warnings: list[Finding] = Field(default=[], max_length=200)
    risks: list[Risk] = Field(default=[], max_length=200)
    missing: list[Missing] = Field(default=[], max_length=200)
    notes: list[str] = Field(default=[], max_length=20)
    finished: bool = False


def validation_of(
    execution: Execution, language: Language, seconds: float, note: str | None = None
) -> Validation:
    """Return the findings of a check; if the code crashed the parser, that is a finding.

    Raises:
        SessionLost: The sandbox sent something other than a check.
    """
    try:
        parts = [_Part.model_validate(part) for part in execution.report[:100]]
    except ValidationError as exc:
        raise SessionLost("The sandbox sent a malformed reply.") from exc
    errors = [error for part in parts for error in part.errors or []]
    notes = [note] if note else []
    notes += [said for part in parts for said in part.notes]
    if not any(part.finished for part in parts):
        if all(part.errors is None for part in parts):
            errors.append(Finding(message=_died(execution, seconds)))
        else:
            notes.append("Warnings and risks are incomplete: looking for them took too much.")
    return Validation(
        valid=not errors,
        language=language,
        errors=sorted(errors, key=lambda error: error.line or 0),
        warnings=[warning for part in parts for warning in part.warnings],
        risks=[risk for part in parts for risk in part.risks],
        missing=[module for part in parts for module in part.missing],
        notes=notes,
    )


def _died(execution: Execution, seconds: float) -> str:
    match execution.status:
        case "timeout":
            return f"Too large or nested too deeply: it could not be parsed within {seconds:g} s."
        case "crashed":
            return (
                f"Nested too deeply: the parser crashed on it ({execution.signal or 'no reason'})."
            )
        case "oom" | "killed" | "lost":
            return "Too large or nested too deeply: parsing it ran out of memory."
        case _:
            return "It could not be parsed: the parser failed on it."


def validation_text(validation: Validation) -> str:
    """Return the validation in words."""
    return shortened("\n".join(_lines(validation)), MAX_TEXT_CHARACTERS)


def _lines(validation: Validation) -> Iterator[str]:
    name = validation.language.capitalize()
    if validation.errors:
        yield f"Not valid {name}:"
        yield from map(_shown, validation.errors)
    else:
        yield f"Valid {name}: the syntax is right. Nothing was run."
    if validation.warnings:
        yield "Warnings:"
        yield from map(_shown, validation.warnings)
    if validation.missing:
        yield "Not installed in the sandbox, and nothing can be installed there:"
        yield from map(_not_there, validation.missing)
    if validation.risks:
        yield "Risks (what it could do; the sandbox, not this list, is the boundary):"
        for risk in validation.risks:
            yield f"line {risk.line}, column {risk.column}: {risk.kind}: {risk.reason}"
    elif validation.valid and not any("Risks" in note for note in validation.notes):
        yield "No risky operation found."
    for note in validation.notes:
        yield f"Note: {note}"


def _shown(finding: Finding) -> str:
    if finding.line is None:
        return finding.message
    column = f", column {finding.column}" if finding.column is not None else ""
    source = "".join(f"\n    {line}" for line in (finding.source or "").split("\n"))
    fix = f"\n    Fix: {finding.fix}" if finding.fix else ""
    return f"line {finding.line}{column}: {finding.message}{source}{fix}"


def _not_there(module: Missing) -> str:
    what = f"line {module.line}: {module.module}"
    if module.near:
        return f"{what} (is {module.near} meant?)"
    return f"{what} (package {module.package})" if module.package else what
