"""The program that a backend runs in a fresh sandbox that has only Python and Bash."""

from bellglass.sandboxes.program.starting import SupervisorProgram, supervisor_program

__all__ = ["SupervisorProgram", "supervisor_program"]
