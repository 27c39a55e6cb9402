"""Code that runs in the sandbox before the supervisor. Standard library only; shipped as text."""
