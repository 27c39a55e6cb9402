"""What runs in a container before the runner. Standard library only; shipped as text."""
