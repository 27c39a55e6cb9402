"""What a backend runs in a fresh sandbox that has a Python and Bash, and nothing of ours."""

from bellglass.sandboxes.program.starting import SupervisorProgram, supervisor_program

__all__ = ["SupervisorProgram", "supervisor_program"]
