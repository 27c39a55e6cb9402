"""Code that runs in a sandbox. Standard library only; shipped as text."""
