"""The session's worker and its checkpoint, as PID 1 sees them.

Between calls both are stopped, so that nothing that the code left in them uses CPU time: a thread,
or a hook around fork(). When the worker dies, the checkpoint takes its place.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.common.process import SPARE_SOCKETS
from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.accounting.shared_memory import held_bytes
from bellglass.sandboxes.supervisor.capture import drain
from bellglass.sandboxes.supervisor.checkpoint_age import CheckpointAge
from bellglass.sandboxes.supervisor.job import MESSAGE_TIMEOUT_SECONDS, Job, start
from bellglass.sandboxes.supervisor.worker_socket import WorkerSocket
from bellglass.sandboxes.wire.packets import Packets

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import VariableState
    from bellglass.sandboxes.wire.schema.packets import Answered, RunCode, TakeCheckpoint

MAX_RESTORES = 10
"""Restores in a row: the code may have broken what the worker and its checkpoints need."""

TIMEOUT_WITHOUT_CHECKPOINT_SECONDS = 8.0
"""Seconds for a worker without a checkpoint to come to rest or to begin a call: on a busy machine
it may wait for a processor longer than MESSAGE_TIMEOUT_SECONDS, and killing it would lose its
state."""

OWN_FAILURE_EXIT_CODE = 70
"""Exit code of a worker whose own code failed, see `job.start`."""

WorkerMain = Callable[[Packets, "dict[str, int]", "dict[str, str]"], None]
"""The worker's main function: its control socket, its limits, its environment variables."""

STOPPED = "Python was restarted, because its process died or hung after the last call."


class WorkerProcess:
    """Keeps a session's variables, though the process that holds them may die."""

    def __init__(
        self,
        main: WorkerMain,
        limits: dict[str, int],
        on_ended: Callable[[processes.Ended], None],
    ) -> None:
        """`on_ended` is called with every child that was reaped while we waited for one of ours."""
        self._main = main
        self._limits = limits
        self._on_ended = on_ended
        self._environment: dict[str, str] = {}
        self._spares: list[WorkerSocket] = []
        """Sockets for checkpoints; the worker has their other ends. See `take_checkpoint`."""
        self.worker = self._new_worker()
        self.checkpoint: Job | None = None
        self._slot = 0
        """The index in `_spares` of the socket that the checkpoint uses, or the last one used."""
        self._dropped: set[int] = set()
        """Killed checkpoints that may take a moment to end."""
        self._calls = 0
        """The number of calls whose effects the worker holds."""
        self._resting = True
        """Whether the worker has nothing to do, and is stopped."""
        self._rest_by = 0.0
        self._nonce = ""
        self._restores = 0
        """Calls in a row that ended with a restore."""
        self.age = CheckpointAge()

    def _new_worker(self) -> Job:
        main, limits, environment = self._main, self._limits, self._environment
        pairs = [Packets.pair() for _ in range(SPARE_SOCKETS)]
        try:
            worker = start(
                lambda control: main(control, limits, environment),
                keep=[theirs.fileno() for _, theirs in pairs],
            )
        finally:
            for _, theirs in pairs:
                theirs.close()
        self._spares = [WorkerSocket(ours, MESSAGE_TIMEOUT_SECONDS) for ours, _ in pairs]
        return worker

    def adopt(self, environment: dict[str, str]) -> None:
        """Start a new worker in the session's own environment; before the first call."""
        self._environment = environment
        self.end()
        self.restore()

    @property
    def control(self) -> int:
        """The descriptor to poll between calls."""
        return self.worker.control.socket.fileno()

    def pids(self) -> set[int]:
        """Return the processes that are ours, and not the call's."""
        return {
            job.pid for job in (self.worker, self.checkpoint) if job is not None and not job.ended
        }

    @property
    def dropped(self) -> frozenset[int]:
        """Processes of ours that are ending: the call has not left them behind."""
        return frozenset(self._dropped)

    def note_ended(self, ended: processes.Ended) -> None:
        self._dropped.difference_update(ended)
        self.worker.note_ended(ended)
        if self.checkpoint is not None:
            self.checkpoint.note_ended(ended)

    def ask(self, nonce: str, number: int, code: str) -> None:
        """Send a request; if the worker did not take it, the call finds out."""
        packet: RunCode = {"type": "code", "nonce": nonce, "number": number, "code": code}
        try:
            self.worker.control.send(packet)
        except OSError:
            pass

    def is_new_child(self, pid: object) -> bool:
        """Tell if a pid that the worker names is a child of ours that we do not know yet."""
        if type(pid) is not int or not 1 < pid <= processes.MAX_PID:
            return False
        return pid not in self.pids() and processes.parent(pid) == os.getpid()

    # --- before a call

    def wake(self, wakeup: int) -> list[str]:
        """Wait until the worker is ready; replace one that does not respond.

        Returns notices for the result.
        """
        deadline = time.monotonic() + self.patience
        while not self._resting and not self.worker.ended:
            left = deadline - time.monotonic()
            control = self.control
            ready, _, _ = select.select([control, wakeup], [], [], max(0.0, left))
            if not ready:
                self.end()
            if wakeup in ready:
                os.read(wakeup, 4096)
                self._on_ended(processes.reap())
            if control in ready and not self.take():
                self.end()
        self._resting = True
        if not self.worker.ended:
            self.go_on()
            return []
        return [f"{STOPPED} {self.age.told(self.restore())}"]

    def drop_background(self) -> int:
        """Drop what the worker has printed since its last call; return the number of bytes."""
        return drain(self.worker.out, None) + drain(self.worker.err, None)

    # --- after a call

    def after(self, answer: Answered | None, *, asked: bool) -> VariableState:
        """Replace a worker that died; return what became of the variables."""
        if asked and answer is None:
            self.end()
        state = self.restore() if self.worker.ended else "kept"
        if asked:
            self.age.note_call(changed=answer is None or answer["changed"])
            if state == "kept":
                self._restores = 0
                self._calls += 1
        return state

    def end(self) -> None:
        """Kill the worker and wait for its end."""
        deadline = time.monotonic() + MESSAGE_TIMEOUT_SECONDS
        while not self.worker.ended and time.monotonic() < deadline:
            processes.send_signal(self.worker.pid, signal.SIGKILL)
            self._on_ended(processes.reap())
            if not self.worker.ended:
                time.sleep(0.0005)

    def restore(self) -> VariableState:
        """Continue with the checkpoint, or with an empty worker if there is none."""
        checkpoint = self.checkpoint
        self._restores += 1
        most = 1 if self.worker.exit_code == OWN_FAILURE_EXIT_CODE else MAX_RESTORES
        usable = self._restores <= most and not self.worker.control.smuggled
        if checkpoint is not None and not checkpoint.ended and usable:
            # The checkpoint writes into the same pipes. It has moved the worker's socket to its own
            # slot, and its own socket becomes the one to the worker.
            self._spares[self._slot] = self.worker.control
            self.worker, self.checkpoint = checkpoint, None
            processes.send_signal(checkpoint.pid, signal.SIGCONT)
            self.age.note_restored(from_checkpoint=True)
            return "restored"
        self._drop_checkpoint()
        self.worker.close()
        for spare in self._spares:
            spare.close()
        self.worker = self._new_worker()
        self.age.note_restored(from_checkpoint=False)
        state: VariableState = "lost" if self._calls else "restored"
        self._calls = self._restores = 0
        return state

    def take_checkpoint(self, *, changed: bool, killed: list[int]) -> None:
        """Have the worker fork a checkpoint if anything changed, then stop it.

        The old checkpoint stays until the new one exists, and if none can be made, unless what it
        holds alone takes memory that the worker needs. No descriptor is passed for that, which
        another session of the same user could hinder: the worker and its checkpoints share three
        sockets, made before the first fork. The new checkpoint takes the spare one that the old one
        does not use.
        """
        if not changed and self.checkpoint is not None:
            return  # the worker rests already, and `settle` stops it
        self._resting = False
        self._rest_by = time.monotonic() + self.patience
        self._nonce = os.urandom(16).hex()
        packet: TakeCheckpoint = {
            "type": "checkpoint",
            "nonce": self._nonce,
            "slot": self._free_slot,
            "killed": killed,
        }
        try:
            self.worker.control.send(packet)
        except OSError:
            self._resting = True

    def take(self) -> bool:
        """Take a packet from a worker between calls; return False if it is gone."""
        try:
            message = self.worker.control.next()
        except (EOFError, OSError):
            return False
        if self._resting or message is None or message.get("type") != "rested":
            return True
        if message.get("nonce") == self._nonce:
            self._resting = True
            pid: Any = message.get("checkpoint")
            if self.is_new_child(pid):
                slot = self._free_slot
                self._drop_checkpoint()
                self._slot = slot
                self.checkpoint = Job(pid, self.worker.out, self.worker.err, self._spares[slot])
                self.age.note_checkpoint()
            elif self.checkpoint is not None:
                held = held_bytes(self.worker.pid, self.checkpoint.pid)
                if held > self._limits["memory_bytes"]:
                    self._drop_checkpoint()
            self.stop()
        return True

    @property
    def _free_slot(self) -> int:
        """The index in `_spares` of the socket that no checkpoint uses."""
        return 1 - self._slot if self.checkpoint is not None else self._slot

    @property
    def patience(self) -> float:
        """Seconds for the worker to react: more when no new checkpoint could take its place."""
        if self.checkpoint is None or self.age.is_old:
            return TIMEOUT_WITHOUT_CHECKPOINT_SECONDS
        return MESSAGE_TIMEOUT_SECONDS

    @property
    def resting(self) -> bool:
        return self._resting or self.worker.ended

    def rest_ms(self) -> int | None:
        """Return how long the worker may still take to come to rest; None if it has."""
        if self.resting:
            return None
        return max(0, int((self._rest_by - time.monotonic()) * 1000))

    def stop(self) -> None:
        for pid in self.pids():
            processes.send_signal(pid, signal.SIGSTOP)

    def offer_to_oom_killer(self) -> None:
        """Undo changes of the code to OOM scores of ours; permanent once they are stopped."""
        for pid in self.pids():
            processes.offer_to_oom_killer(pid)

    def go_on(self) -> None:
        """Continue the worker."""
        processes.send_signal(self.worker.pid, signal.SIGCONT)

    def _drop_checkpoint(self) -> None:
        if self.checkpoint is not None:
            processes.send_signal(self.checkpoint.pid, signal.SIGKILL)
            if not self.checkpoint.ended:
                self._dropped.add(self.checkpoint.pid)
            self.checkpoint = None
