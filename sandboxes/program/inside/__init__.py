"""What runs in the sandbox: see `starting`."""
