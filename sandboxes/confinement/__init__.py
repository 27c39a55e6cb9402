"""Restrictions that a process puts on itself before it runs foreign code, whatever the backend.

Every backend whose sandboxes share the host's kernel ships this code as text. It uses the standard
library only, and Python 3.9 or newer.
"""
