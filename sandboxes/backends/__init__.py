"""The backends that ship: each starts our supervisor in a sandbox of its kind."""
