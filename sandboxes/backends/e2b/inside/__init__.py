"""What runs in a machine before the supervisor. Standard library only, Python 3.9 or newer."""
