"""Where an archive passes between the server and the session, and where its parts wait."""

from __future__ import annotations

SCRATCH = "/tmp/.bellglass-saved"
"""A folder of ours, which is deleted afterwards and is no part of an archive."""

PIPE = f"{SCRATCH}/pipe"
DONE = f"{SCRATCH}/done"
"""Exists when an archive has been written whole, and read."""

SHELL = f"{SCRATCH}/shell"
"""Bash code that restores directory, aliases and functions of the session's shell."""

ENVIRONMENT = f"{SCRATCH}/environment"
"""The exported variables of the session's shell, each with a null byte at its end."""

REQUIREMENTS = f"{SCRATCH}/requirements"
NOT_INSTALLED = f"{SCRATCH}/not-installed"
VARIABLES = f"{SCRATCH}/variables"
SUMMARY = f"{SCRATCH}/summary"
TRYING = f"{SCRATCH}.trying"
"""Names the variable that is being saved or loaded, in case that ends the process."""

FAILED = f"{SCRATCH}.failed"
"""Names those that did end one."""
