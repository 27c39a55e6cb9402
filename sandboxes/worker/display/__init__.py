"""What code shows beside text: pictures, tables, HTML and the like, in order with what it prints.

This is the side of the worker. What the supervisor keeps of it is in `supervisor/display_log.py`.
"""
