"""The keeper: the process that holds embedded sandboxes whose server is gone, and its client."""
