"""What a process takes from itself before foreign code runs, in whatever a backend put it.

Every backend that has a kernel of the host under it ships this. Standard library only, Python 3.9
or newer, and shipped as text.
"""
