"""The restricted backend: a process of Monty per session, supervised by a task in the server."""

from __future__ import annotations

import dataclasses
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.backend import Backend, Finding
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.session_limits import MIB, Limits
from bellglass.sandboxes.streams.memory_stream import pair

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from anyio.abc import ByteStream
    from pydantic_monty import AsyncMonty

    from bellglass.sandboxes.self_check import Protection

MAX_MEMORY_BYTES = 64 * MIB
"""Maximum memory of a session: the server also holds its state, in order to restore it."""

MAX_PROCESSES = 256
"""Processes in the pool: more than there are sessions and runs of tests."""

START_TIMEOUT_SECONDS = 20.0

NEEDS = "pydantic-monty>=1.4,<2"
"""As in pyproject.toml. It is named because bellglass, with its extras, is on no package index."""

LACKS = {
    "there is no Bash": (
        "bash_keeps_directory_variables_and_functions",
        "bash_keeps_its_state_however_a_command_ends",
        "python_and_bash_share_the_workspace",
        "a_time_limit_ends_what_bash_started",
    ),
    "there are no files": (
        "what_a_call_changed_is_named",
        "changes_are_told_however_a_call_ended",
        "a_file_is_written_in_parts_of_which_none_is_doubled",
        "large_parts_come_and_go_whole",
        "no_path_leads_out_of_the_workspace",
        "a_full_disk_leaves_the_old_file",
        "a_file_is_read_from_any_byte_on",
        "disk_is_limited_everywhere",
        "output_is_cut_and_the_rest_can_be_read",
    ),
    "there are no displays other than text": (
        "figures_come_back_as_pictures_in_order",
        "a_table_is_text_cut_with_a_note_and_whole_in_a_file",
        "an_object_is_shown_in_its_own_words",
        "what_was_shown_before_a_time_limit_is_kept",
    ),
    "there are no processes, signals or descriptors that code could reach": (
        "streams_are_kept_apart_and_taken_below_python",
        "code_that_ignores_the_interrupt_costs_only_its_own_call",
        "nothing_is_left_running",
        "a_crash_costs_only_its_own_call",
        "a_crash_goes_back_to_the_last_copy_however_old",
        "memory_is_limited_for_all_processes_together",
        "processes_are_limited",
        "frames_written_to_every_descriptor_forge_nothing",
        "the_supervisor_cannot_be_read_or_killed",
        "any_bytes_may_be_printed",
    ),
    "there is no IPython, and no command that a line of a notebook could run": (
        "notebook_lines_are_run_by_ipython",
    ),
    "there is no pytest, and no process to end": (
        "tests_end_as_under_plain_pytest",
        "a_project_is_tested_by_its_own_settings",
        "a_test_that_ends_its_process_has_failed_and_the_rest_runs",
        "a_case_is_judged_where_the_code_does_not_run",
    ),
    "variables are no values of Python outside it, so they cannot be saved": (
        "a_saved_session_is_revived_with_variables_files_and_shell",
        "a_variable_that_cannot_be_saved_or_loaded_costs_only_itself",
    ),
    "nothing runs in the background": (
        "a_background_run_outlives_its_call_and_is_read_in_parts",
        "a_background_run_leaves_the_variables_alone",
        "a_sweep_spares_background_runs_and_nothing_else",
        "stopping_a_background_run_ends_all_that_it_started",
        "a_server_in_the_background_answers_later_calls",
        "a_background_run_ends_at_its_own_time_limit",
        "a_memory_bomb_in_the_background_costs_only_its_run",
        "background_runs_are_asked_about_while_a_call_runs",
    ),
    "there is no environment, network or user to inspect": (
        "nothing_of_the_server_is_in_the_environment",
        "there_is_no_network_but_loopback",
        "the_code_has_no_privileges",
    ),
    "there is no sys.exit and no input": ("an_exit_code_is_told", "standard_input_is_empty"),
    "a session ends with its server": ("a_session_outlives_its_server",),
    "stopping a call restores the variables to their values before it": (
        "a_time_limit_keeps_the_variables",
    ),
}
"""Checks of the contract that do not apply, by the reason."""


class RestrictedBackend(Backend):
    """Evaluates a subset of Python that cannot reach anything outside the interpreter."""

    waivers: Mapping[Protection, str] = dict.fromkeys(
        ("no_new_privs", "system_call_filter", "no_network"),
        "the code is evaluated by an interpreter that has no system call, program or socket in it",
    )
    saves_sessions = False

    unsupported_checks: Mapping[str, str] = {
        check: why for why, checks in LACKS.items() for check in checks
    }

    def __init__(self, limits: Limits) -> None:
        super().__init__(
            dataclasses.replace(limits, memory_bytes=min(limits.memory_bytes, MAX_MEMORY_BYTES))
        )
        self._pool: AsyncMonty | None = None
        self._open = AsyncExitStack()
        self._opening = anyio.Lock()

    async def start(self) -> None:
        await self._started()

    async def _started(self) -> AsyncMonty:
        async with self._opening:
            if self._pool is None:
                self._pool = await self._new_pool()
            return self._pool

    async def _new_pool(self) -> AsyncMonty:
        try:
            from pydantic_monty import AsyncMonty, MontyError
        except ImportError as exc:
            raise SandboxUnavailable(
                "restricted",
                f"it needs Monty, in the environment of bellglass: pip install '{NEEDS}'.",
            ) from exc
        try:
            pool = AsyncMonty(
                min_processes=1, max_processes=MAX_PROCESSES, checkout_timeout=START_TIMEOUT_SECONDS
            )
            return await self._open.enter_async_context(pool)
        except (MontyError, OSError, RuntimeError) as exc:
            raise SandboxUnavailable("restricted", f"Monty does not start ({exc}).") from exc

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        pool = await self._started()
        from bellglass.sandboxes.backends.restricted.interpreter import Interpreter
        from bellglass.sandboxes.backends.restricted.supervisor import Supervisor

        near, far = pair()
        async with (
            Interpreter(pool, self.limits.memory_bytes) as interpreter,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(Supervisor(far, interpreter, self.limits).serve)
            try:
                yield near
            finally:
                tasks.cancel_scope.cancel()
                await near.aclose()
                await far.aclose()

    @property
    def metadata(self) -> dict[str, str]:
        return {"memory": "bounded by the interpreter, Monty"}

    async def diagnose(self) -> list[Finding]:
        isolation = Finding(
            what="isolation by the operating system",
            holds=False,
            detail="none; the interpreter has no way out, and a mistake in it would be one",
        )
        try:
            await self.start()
        except SandboxUnavailable as exc:
            return [Finding(what="Monty", holds=False, detail=exc.reason), isolation]
        return [Finding(what="Monty", holds=True, detail="starts"), isolation]

    async def aclose(self) -> None:
        self._pool = None
        await self._open.aclose()
