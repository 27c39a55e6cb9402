"""The models of the server match the types of the supervisor, field by field."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typing_extensions import is_typeddict

from bellglass.sandboxes import execution, frame_models
from bellglass.sandboxes.wire.schema import basics, frames

OURS = {"network": "What programs asked for outside: the server's own record."}
"""Fields of a model that no supervisor sends."""

FRAMES = {
    kind: (getattr(frame_models, kind), getattr(frames, kind))
    for kind in ("Ready", "Stream", "Net", "Note", "Tick", "Reply")
}


def test_every_frame_has_a_model() -> None:
    assert {typed for _, typed in FRAMES.values()} == set(get_args(frames.Frame))
    assert {model for model, _ in FRAMES.values()} == set(get_args(frame_models.AnyFrame))


@pytest.mark.parametrize("kind", FRAMES)
def test_models_and_types_have_the_same_fields(kind: str) -> None:
    model, typed = FRAMES[kind]

    assert of_model(model) == of_type(typed)


def test_statuses_are_the_same() -> None:
    assert kind_of(execution.Status) == kind_of(basics.Status)


def of_model(model: type[BaseModel]) -> dict[str, Any]:
    """Return name, kind and necessity of each field, down to those of models within."""
    return {
        name: (
            kind_of(field.annotation),
            field.default is PydanticUndefined and field.default_factory is None,
        )
        for name, field in model.model_fields.items()
        if name not in OURS
    }


def of_type(typed: Any) -> dict[str, Any]:
    required: frozenset[str] = typed.__required_keys__
    return {name: (kind_of(hint), name in required) for name, hint in get_type_hints(typed).items()}


def kind_of(annotation: Any) -> object:
    """Return what may stand in a field, in a form that compares."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(parts[0])
    if origin in (Union, types.UnionType):
        kinds = [kind_of(part) for part in parts]
        return ("one of", *sorted(kinds, key=repr))
    if origin is Literal:
        return ("literal", *sorted(parts))
    if origin is not None:
        return (origin, *map(kind_of, parts))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return of_model(annotation)
    if is_typeddict(annotation):
        return of_type(annotation)
    if annotation is bytes:
        return str  # in base64
    if getattr(annotation, "__name__", "") == "JsonValue":
        return Any
    return annotation


def test_a_field_on_one_side_alone_is_noticed() -> None:
    class More(frames.Tick):
        size: int

    class Reply(frame_models.Reply):
        size: int = 0

    assert of_type(More) != of_model(frame_models.Tick)
    assert of_model(Reply) != of_type(frames.Reply)


def test_kinds_are_told_apart() -> None:
    assert kind_of(Mapping[str, int]) != kind_of(Mapping[str, str])
    assert kind_of(int | None) != kind_of(int)
