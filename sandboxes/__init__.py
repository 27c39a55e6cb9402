"""The public interface for authors of backends, and for their tests.

Names that are not listed here may change at any time. `bellglass.sandboxes.testing` is public too.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend, Finding, PatientStream
    from bellglass.sandboxes.backend_settings import BackendSettings, Names
    from bellglass.sandboxes.conformance import CHECKS, Check
    from bellglass.sandboxes.errors import SandboxError, SandboxUnavailable
    from bellglass.sandboxes.execution import Execution, ExecutionError, Output
    from bellglass.sandboxes.lifecycle import Lifecycle
    from bellglass.sandboxes.program import SupervisorProgram, supervisor_program
    from bellglass.sandboxes.self_check import PROTECTIONS, Protection, SelfCheck
    from bellglass.sandboxes.session_limits import Limits
    from bellglass.sandboxes.sessions.session import Session

_MODULES = {
    "backend": ("Backend", "Finding", "PatientStream"),
    "backend_settings": ("BackendSettings", "Names"),
    "conformance": ("CHECKS", "Check"),
    "errors": ("SandboxError", "SandboxUnavailable"),
    "execution": ("Execution", "ExecutionError", "Output"),
    "lifecycle": ("Lifecycle",),
    "session_limits": ("Limits",),
    "self_check": ("PROTECTIONS", "Protection", "SelfCheck"),
    "sessions.session": ("Session",),
    "program": ("SupervisorProgram", "supervisor_program"),
}

__all__ = [
    "CHECKS",
    "PROTECTIONS",
    "Backend",
    "BackendSettings",
    "Check",
    "Execution",
    "ExecutionError",
    "Finding",
    "Lifecycle",
    "Limits",
    "Names",
    "Output",
    "PatientStream",
    "Protection",
    "SandboxError",
    "SandboxUnavailable",
    "SelfCheck",
    "Session",
    "SupervisorProgram",
    "supervisor_program",
]


def __getattr__(name: str) -> object:
    # Imported on first use: every module of ours imports this one, and most need none of these.
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"bellglass.sandboxes.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
