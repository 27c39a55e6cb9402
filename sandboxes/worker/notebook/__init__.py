"""Notebook lines in a session: `%magic`, `!command`, `name?`, run by IPython where it is installed.

Nothing here is imported before a call needs it: plain Python does without.
"""
