"""What a client can call: one folder a tool, and in its `inside` what it runs in a sandbox."""
