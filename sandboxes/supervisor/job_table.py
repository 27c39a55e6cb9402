"""The jobs that the server's tools have: filled in when this package is shipped, see `bundle`."""

JOBS: dict[str, str] = {}
"""By operation: the module and the name of a `common.jobs.Job`, as `package.module:NAME`."""
