"""What can be learned about an exception only where it happened: lines, values, near misses.

It works among foreign objects, so it asks them nothing: no `repr`, no attribute, no iteration of
a class that is not the interpreter's own. The words around it are made in `tools/execute/hints`.
"""
