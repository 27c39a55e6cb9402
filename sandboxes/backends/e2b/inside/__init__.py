"""What runs in a machine before the runner. Standard library only, Python 3.9 or newer."""
