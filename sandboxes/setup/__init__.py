"""The packages that the code in sandboxes finds, and the environment that has them."""
