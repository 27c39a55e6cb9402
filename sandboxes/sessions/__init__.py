"""Sessions of clients: each has a sandbox, and runs its calls one at a time."""
