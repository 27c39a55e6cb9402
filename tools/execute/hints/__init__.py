"""Failures in the words of someone who can fix them: what failed where, with what, and what to do.

What can be seen only where the code ran was gathered there, see `sandboxes/worker/explaining`. It
comes from a sandbox, so it is shown and never acted on. Each word is paid for by a model.
"""
