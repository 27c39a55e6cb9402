"""Explanation of an exception where it happened: source lines, values, similar names.

It works among foreign objects and calls none of their code: no `repr`, no attribute, no iteration
of a class that is not the interpreter's own. `tools/execute/hints` makes the hints from it.
"""
