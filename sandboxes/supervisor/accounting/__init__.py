"""Measurement of what a session uses: CPU time, memory, files, and uncounted kernel memory."""

LOOK_INTERVAL_SECONDS = 0.1
"""Between two measurements of memory and CPU time. A process can fill about 200 MB in between."""
