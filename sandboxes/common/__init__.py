"""Constants and helpers of the server and of code inside a sandbox. Standard library only."""
