"""The groups of tools that an operator chooses by BELLGLASS_TOOLS."""

CORE = "core"

GROUPS = {
    CORE: ("execute_python", "execute_bash", "validate_code", "run_tests"),
    "files": ("read_file", "write_file"),
    "sessions": ("list_sessions", "close_session", "branch_session"),
    "background": ("background_run",),
}
"""The names of the tools in each group; those of the core are always listed."""

ALL = tuple(GROUPS)


def left_out(chosen: tuple[str, ...]) -> frozenset[str]:
    """Return the names of the tools that are in none of the chosen groups."""
    return frozenset(
        name
        for group, names in GROUPS.items()
        if group != CORE and group not in chosen
        for name in names
    )
