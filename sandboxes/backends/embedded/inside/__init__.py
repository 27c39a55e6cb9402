"""Code that runs in the launcher and in sandboxes. Standard library only; shipped as text."""
