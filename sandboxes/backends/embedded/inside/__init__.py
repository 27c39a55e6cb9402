"""Code that runs in the zygote and in its children. Standard library only; shipped as text."""
