"""Displays of code beside text: pictures, tables, HTML and others, in order with its output.

This is the worker's side. The supervisor's is `supervisor/display_log.py`.
"""
