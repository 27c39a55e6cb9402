"""The environment variables of foreign code; none is inherited."""

from __future__ import annotations

NPM = {
    "npm_config_offline": "true",
    "npm_config_fetch_retries": "0",
    "npm_config_cache": "/tmp/.npm",  # else its logs would be in the workspace
}
"""npm says at once that there is no network; egress/network.py has what differs where there is."""


def environment(path: str, venv: str | None) -> dict[str, str]:
    """Return all variables. `path` becomes PATH; `venv` is the virtual environment of Python."""
    variables = {
        "PATH": path,
        "HOME": "/work",
        "USER": "sandbox",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": "/tmp/.matplotlib",  # else its cache would be in the workspace
        # Without these, each library starts a thread for every processor of the host at import.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        # There is no network, so retries would only delay the error.
        "PIP_RETRIES": "0",
        **NPM,
        # There is no terminal: prompts fail and do not wait. Batch use (vim -es, -c) still works.
        "GIT_TERMINAL_PROMPT": "0",
        "VIMINIT": "set viminfo= | "
        "if len(filter(copy(v:argv[1:]), 'v:val =~# \"^[-+]\"')) == 0 | cquit | endif",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    if venv is not None:
        variables["VIRTUAL_ENV"] = venv
    return variables
