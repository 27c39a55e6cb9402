"""Sessions of clients: each has a sandbox, its calls one at a time, a share of what there is."""
