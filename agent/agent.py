"""The loop of the agent: ask the model, test its answer, report failures, until one is verified."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from bellglass.agent import texts
from bellglass.agent.answer import Answer
from bellglass.agent.connecting import connected
from bellglass.agent.errors import ModelFailed, ModelUnavailable, RecordingMismatch
from bellglass.agent.limits import Limits, Spent
from bellglass.agent.messages import Message
from bellglass.agent.modes import MODES
from bellglass.agent.modes.base import Verdict
from bellglass.agent.modes.transform import Transform
from bellglass.agent.reading import Reply, read
from bellglass.agent.tool_client import ToolClient
from bellglass.agent.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mcp import Client

    from bellglass.agent.answer import ModeName
    from bellglass.agent.messages import Model, Turn
    from bellglass.agent.modes.base import Mode

    Tell = Callable[[str], None]

MAX_UNCHANGED_ANSWERS = 2
"""After this many unchanged answers in a row the agent gives up."""

_VERSION = "import platform, importlib.util as u\n" + (
    "'; '.join([platform.python_version(), ', '.join(n for n in "
    "('numpy', 'pandas', 'matplotlib', 'scipy', 'sympy') if u.find_spec(n))])"
)


class Agent:
    """Solves tasks with a model, on one bellglass server.

    ```
    async with Agent(model) as agent:
        answer = await agent.solve("How many primes are below a million?", mode="compute")
    ```
    """

    def __init__(
        self,
        model: Model,
        *,
        limits: Limits | None = None,
        url: str | None = None,
        token: str | None = None,
        settings: Mapping[str, str] | None = None,
        client: Client | None = None,
        tell: Tell | None = None,
    ) -> None:
        """Prepare an agent.

        Without `url` or `client`, it starts a server of its own; `settings` (BELLGLASS_ variables)
        override those of the environment. `tell` is called with one line for each step.
        """
        self._model = model
        self._limits = limits or Limits()
        self._server = connected(url, token=token, settings=settings)
        self._client = client
        self._tell = tell or _silent
        self._stack = AsyncExitStack()
        self._python = ""

    async def __aenter__(self) -> Self:
        if self._client is None:
            self._client = await self._stack.enter_async_context(self._server)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def solve(
        self,
        task: str,
        *,
        data: Sequence[Path] = (),
        mode: ModeName | None = None,
        transcript: Path | None = None,
    ) -> Answer:
        """Work on a task until an answer is verified or a limit is reached.

        `mode` defaults to "analyse" if there is data, else to "solve". For "transform", the first
        file is the code to change.

        Raises:
            SolvingError: The task could not be started: no server, no model or no such file.
        """
        if self._client is None:
            raise RuntimeError("Use the agent in `async with Agent(...) as agent:`.")
        name: ModeName = mode or ("analyse" if data else "solve")
        kind = Transform(data, task) if name == "transform" else MODES[name](data)
        tools = ToolClient(self._client, call_seconds=self._limits.call_seconds, tell=self._tell)
        run = _Solving(task, kind, tools, self._model, self._limits, self._tell, transcript)
        return await run.solved()


class _Solving:
    """The state of one task."""

    def __init__(
        self,
        task: str,
        mode: Mode,
        tools: ToolClient,
        model: Model,
        limits: Limits,
        tell: Tell,
        transcript: Path | None,
    ) -> None:
        self._task = task
        self._mode = mode
        self._tools = tools
        self._model = model
        self._limits = limits
        self._tell = tell
        self._spent = Spent(limits)
        self._transcript = Transcript(transcript)
        self._messages: list[Message] = []
        self._reply = Reply()
        self._verdict = Verdict()
        self._attempts = 0

    async def solved(self) -> Answer:
        self._transcript.begin(self._task, self._mode.name, self._model.name)
        try:
            reason = await self._work()
        except BaseException as exc:
            self._transcript.heading(f"Stopped: {str(exc) or type(exc).__name__}")
            raise
        return self._answer(reason)

    async def _work(self) -> str:
        """Return why there is no verified answer, or "" if there is one."""
        python = await self._about_python()
        data = await self._mode.learn(self._tools)
        self._say("system", self._mode.system(python))
        self._say("user", texts.first(self._task, data))
        alike = 0
        while self._attempts < self._limits.attempts:
            if reason := self._spent.exhausted(tuple(self._messages)):
                return f"Nothing was verified before {reason}."
            turn = await self._ask()
            if turn is None:
                return self._reason
            self._attempts += 1
            before = self._reply
            reply = read(turn.text, self._mode.proof, bash=self._mode.bash)
            if not reply.program and texts.IMPOSSIBLE in turn.text:
                said = turn.text.partition(texts.IMPOSSIBLE)[2].strip()
                return f"The model gave up: {said[:500]}"
            same = bool(reply.program) and (before.program, before.proof) == (
                reply.program,
                reply.proof,
            )
            alike = alike + 1 if same else 0
            if alike >= MAX_UNCHANGED_ANSWERS:
                return "The model gave the same code three times, and it does not hold."
            await self._try(reply, turn)
            if not self._verdict.complaint:
                return ""
            complaint = texts.again(self._attempts, self._verdict.complaint, same=same)
            self._say("user", complaint)
        attempts = "1 attempt" if self._attempts == 1 else f"{self._attempts} attempts"
        return f"After {attempts} it does not hold: {self._last_complaint()}"

    async def _about_python(self) -> str:
        async with self._tools.session() as session_id:
            run = await self._tools.run(_VERSION, session_id, quietly=True)
        return run.text.strip().strip("'") if run.ok else "3"

    async def _ask(self) -> Turn | None:
        asked = tuple(self._messages)
        self._tell(f"Attempt {self._attempts + 1}: asking {self._model.name}")
        try:
            turn = await self._model.ask(
                asked,
                tokens=self._spent.tokens_for(asked),
                seconds=max(0.1, self._spent.seconds_left),
            )
        except (ModelUnavailable, RecordingMismatch):
            if not self._attempts:
                raise
            self._reason = "The model became unavailable."
            return None
        except ModelFailed as exc:
            if not self._attempts:
                raise
            self._reason = f"The model failed: {exc}"
            return None
        self._spent.add(turn)
        self._say("assistant", turn.text)
        return turn

    async def _try(self, reply: Reply, turn: Turn) -> None:
        if reply.program:
            self._reply = reply
        if not reply.program or not reply.proof:
            if turn.cut or reply.unfinished:
                complaint = texts.CUT
            elif not reply.program:
                complaint = texts.NO_CODE
            else:
                complaint = texts.NO_PROOF.format(proof=self._mode.proof)
            self._verdict = Verdict(complaint=complaint)
        else:
            self._verdict = await self._mode.judge(self._tools, reply)
        self._transcript.lines(self._tools.log)
        self._tools.log.clear()
        for piece in self._verdict.evidence:
            self._tell(f"  {'held' if piece.held else 'did not hold'}: {piece.text}")

    def _last_complaint(self) -> str:
        failed = [piece.text for piece in self._verdict.evidence if not piece.held]
        return failed[-1] if failed else self._verdict.complaint.partition("\n")[0]

    def _say(self, role: str, text: str) -> None:
        message = Message.model_validate({"role": role, "text": text})
        self._messages.append(message)
        self._transcript.quote({"assistant": "Answer", "user": "Asked"}.get(role, "Rules"), text)

    def _answer(self, reason: str) -> Answer:
        self._transcript.heading("Not verified" if reason else "Verified")
        self._transcript.lines([reason] if reason else [])
        self._transcript.lines([piece.text for piece in self._verdict.evidence])
        return Answer(
            task=self._task,
            mode=self._mode.name,
            verified=not reason,
            reason=reason,
            code=self._reply.program,
            language=self._reply.language,
            proof=self._reply.proof,
            result=self._verdict.result,
            evidence=tuple(self._verdict.evidence),
            figures=self._verdict.figures,
            explanation=self._reply.explanation,
            attempts=self._attempts,
            usage=self._spent.usage(),
            transcript=self._transcript.text,
        )

    _reason = ""


def _silent(_: str) -> None:
    pass
