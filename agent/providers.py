"""Models of providers, through pydantic-ai: an optional extra, which is imported lazily."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.agent.errors import ModelFailed, ModelUnavailable
from bellglass.agent.messages import MAX_ANSWER_CHARACTERS, Message, Turn

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model as Library

EXTRA = (
    "Models need the library pydantic-ai, in the environment of bellglass: "
    "pip install 'pydantic-ai-slim[anthropic,google,openai]>=2.60,<3'. "
    "--replay FILE answers from a recording without it."
)
MAX_ATTEMPTS = 4
"""Tries for one answer after temporary failures."""
FIRST_RETRY_DELAY_SECONDS = 1.0
MAX_RETRY_DELAY_SECONDS = 60.0
SILENCE_TIMEOUT_SECONDS = 120
"""After this long without any part of the answer, the provider is considered unreachable."""
MAX_ERROR_CHARACTERS = 300
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


def provided(name: str, *, base_url: str | None = None) -> ProvidedModel:
    """Return the model `name`, as PROVIDER:MODEL; `base_url` for an OpenAI-compatible endpoint.

    Raises:
        ModelUnavailable: The library, the key or the model is missing.
    """
    try:
        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model
    except ImportError as exc:
        raise ModelUnavailable(EXTRA) from exc
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
    try:
        if base_url is not None:
            model: Library = _at(base_url, name)
        else:
            # "openai:" alone means the newer API, which few other servers support.
            if name.startswith("openai:") and "OPENAI_BASE_URL" in os.environ:
                name = f"openai-chat:{name.partition(':')[2]}"
            model = infer_model(name)
    except UserError as exc:
        raise ModelUnavailable(f"{_first_line(exc)} {_example(name)}") from exc
    except ImportError as exc:
        raise ModelUnavailable(f"{_first_line(exc)} {EXTRA}") from exc
    except (ValueError, TypeError) as exc:
        raise ModelUnavailable(
            f"{name!r} is not a model: {_first_line(exc)} {_example(name)}"
        ) from exc
    return ProvidedModel(model, name)


def _at(base_url: str, name: str) -> Library:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    # A local server needs no key, but the client library does.
    key = os.environ.get("OPENAI_API_KEY") or "none"
    bare = name.removeprefix("openai-chat:").removeprefix("openai:")
    return OpenAIChatModel(bare, provider=OpenAIProvider(base_url=base_url, api_key=key))


def _example(name: str) -> str:
    if ":" in name:
        return "Name a model as PROVIDER:MODEL, its key in the variable of the provider."
    return f"Name the provider too: anthropic:{name}, google:{name} or openai:{name}, for instance."


class ProvidedModel:
    """A model of a provider; temporary failures are retried."""

    def __init__(self, model: Library, name: str) -> None:
        self._model = model
        self.name = name

    async def ask(self, messages: tuple[Message, ...], *, tokens: int, seconds: float) -> Turn:
        from pydantic_ai.exceptions import ModelAPIError, UserError

        deadline = anyio.current_time() + seconds
        failure: Exception | None = None
        caught: tuple[type[Exception], ...] = (ModelAPIError, UserError, Garbled, *_broken())
        for number in range(MAX_ATTEMPTS):
            if failure is not None and not await _waited(failure, number, deadline):
                break
            left = deadline - anyio.current_time()
            try:
                # Its connections are closed after each answer: none is open while code runs.
                async with self._model:
                    with anyio.fail_after(left):
                        return await self._read(messages, tokens)
            except TimeoutError as exc:
                failure = ModelFailed(f"{self.name} did not answer in the time that was left.")
                failure.__cause__ = exc
                break
            except caught as exc:
                failure = exc
                if not _passes(exc):
                    break
        assert failure is not None
        raise _told(self.name, failure) from failure

    async def _read(self, messages: tuple[Message, ...], tokens: int) -> Turn:
        from pydantic_ai.exceptions import UnexpectedModelBehavior

        try:
            return await self._answer(messages, tokens)
        except (UnexpectedModelBehavior, ValueError, LookupError, TypeError, AttributeError) as exc:
            # The library trips over an answer that is no stream, or one of something else.
            raise Garbled from exc

    async def _answer(self, messages: tuple[Message, ...], tokens: int) -> Turn:
        from pydantic_ai.direct import model_request_stream

        size = 0
        # Streamed, in order to tell a provider that is silent from one that is slow.
        async with model_request_stream(
            self._model,
            _messages(messages),
            model_settings={
                "max_tokens": tokens,
                "timeout": SILENCE_TIMEOUT_SECONDS,
                "max_retries": 0,
            },
        ) as stream:
            async for event in stream:
                size += len(getattr(getattr(event, "delta", None), "content_delta", None) or "")
                if size > MAX_ANSWER_CHARACTERS:
                    break
            response = stream.get()
        parts = [part.content for part in response.parts if part.part_kind == "text"]
        text = "".join(parts)
        if size <= MAX_ANSWER_CHARACTERS and _broke_off(response):
            raise Silent("The answer broke off.")
        return Turn(
            text=text[:MAX_ANSWER_CHARACTERS],
            input_tokens=max(0, response.usage.input_tokens),
            output_tokens=max(0, response.usage.output_tokens),
            dollars=_price(response),
            cut=response.finish_reason == "length" or size > MAX_ANSWER_CHARACTERS,
        )


def _broke_off(response: ModelResponse) -> bool:
    """Tell whether a stream was cut off.

    The library then reports "stop"; but the provider sent neither a reason nor a token count.
    """
    said = (response.provider_details or {}).get("finish_reason")
    counted = response.usage.input_tokens or response.usage.output_tokens
    return response.finish_reason is None or (said is None and not counted)


class Garbled(Exception):
    """An endpoint answers, but not with what the library of its provider can read."""

    def __init__(self) -> None:
        super().__init__("its endpoint answers with something other than a stream of completions.")


class Silent(Exception):
    """A stream ended without a sign that it is complete."""


def _broken() -> tuple[type[Exception], ...]:
    """Return the exceptions that the libraries of providers raise when a stream is cut off."""
    kinds: list[type[Exception]] = [Silent, ConnectionError]
    for library in ("httpx", "httpx2"):
        try:
            kinds.append(__import__(library).TransportError)
        except (ImportError, AttributeError):
            continue
    try:
        import openai

        kinds.append(openai.APIError)
    except ImportError:
        pass
    return tuple(kinds)


def _passes(failure: Exception) -> bool:
    """Tell whether a retry may help."""
    status = getattr(failure, "status_code", None)
    if isinstance(status, int):
        return status in PASSING
    from pydantic_ai.exceptions import ModelRequestRejectedError, UserError

    return not isinstance(failure, (UserError, ModelRequestRejectedError, Garbled))


async def _waited(failure: Exception, number: int, deadline: float) -> bool:
    """Wait as long as the provider asks, else with a growing delay; return False if too long."""
    asked = _retry_after(failure)
    wait = (
        asked
        if asked is not None
        else FIRST_RETRY_DELAY_SECONDS * 2 ** (number - 1) * random.uniform(0.8, 1.2)
    )
    if wait > MAX_RETRY_DELAY_SECONDS or anyio.current_time() + wait >= deadline:
        return False
    await anyio.sleep(wait)
    return True


def _retry_after(failure: Exception) -> float | None:
    headers: dict[str, str] = getattr(failure, "headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


def _told(name: str, failure: Exception) -> ModelFailed:
    """Return an error that says what failed, and what to do."""
    if isinstance(failure, ModelFailed):
        return failure
    status = getattr(failure, "status_code", None)
    said = _first_line(failure)
    match status:
        case 401 | 403:
            text = (
                f"{name} refuses the key ({status}). Set the right one in the provider's variable."
            )
            return ModelUnavailable(text)
        case 404:
            return ModelUnavailable(f"There is no model {name} at the provider (404). {said}")
        case 429:
            return ModelFailed(f"{name} refused because of its rate limit (429): {said} Try later.")
        case int() if status >= 500:
            return ModelFailed(f"{name} failed at the provider ({status}): {said} Try later.")
        case int():
            return ModelUnavailable(f"{name} refuses the request ({status}): {said}")
    todo = (
        "Check its URL." if isinstance(failure, Garbled) else "Check that its endpoint is running."
    )
    return ModelFailed(f"{name} gave no whole answer: {said} {todo}")


def _first_line(failure: Exception) -> str:
    text = str(failure).strip().partition("\n")[0][:MAX_ERROR_CHARACTERS] or type(failure).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _messages(messages: tuple[Message, ...]) -> list[ModelMessage]:
    from pydantic_ai.messages import (
        ModelRequest,
        ModelResponse,
        SystemPromptPart,
        TextPart,
        UserPromptPart,
    )

    sent: list[ModelMessage] = []
    parts: list[Any] = []
    for message in messages:
        match message.role:
            case "assistant":
                sent.append(ModelRequest(parts=parts))
                sent.append(ModelResponse(parts=[TextPart(content=message.text)]))
                parts = []
            case "system":
                parts.append(SystemPromptPart(content=message.text))
            case "user":
                parts.append(UserPromptPart(content=message.text))
    return [*sent, ModelRequest(parts=parts)]


def _price(response: ModelResponse) -> float | None:
    try:
        return float(response.cost().total_price)
    except (LookupError, ValueError, AssertionError):
        return None  # the model is in no price list
