"""The jobs of the server's tools, filled in when this package is shipped (see `bundle`)."""

JOBS: dict[str, str] = {}
"""Maps an operation to the `common.jobs.Job` that does it, as `package.module:NAME`."""
