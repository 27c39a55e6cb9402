"""Habits of IPython and notebooks: `!command`, `%magic`, `%%bash`, `name?`, `get_ipython()`.

None of it costs plain Python anything: code is looked through for it only when it does not parse.
"""
