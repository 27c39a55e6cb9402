"""Hints after a failure: what failed where, with what, and what to do.

`sandboxes/worker/explaining` gathers what can be seen only where the code ran. It comes from a
sandbox, so it is shown and never acted on. Each word costs a model tokens.
"""
