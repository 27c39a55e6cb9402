"""Notebook lines in a session (`%magic`, `!command`, `name?`), which IPython runs if installed.

Nothing here is imported before a call needs it: plain Python does without.
"""
