"""Our program inside a sandbox: it supervises the processes that run a model's code.

Standard library only, Python 3.9 or newer, and shipped as text (see `bundle`): nothing of ours
is installed where the code runs.
"""
