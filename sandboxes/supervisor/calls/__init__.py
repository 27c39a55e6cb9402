"""Execution of requests, from the process that a request starts to the last one that it leaves.

`calls` implements the operations. A `call` supervises one job: `job_output` collects what the job
sends, `limit_enforcer` ends it at a limit. `process_reaper` ends the processes that it leaves.
"""
