"""What a session uses: CPU time, memory, files, and what no limit of the kernel counts."""
