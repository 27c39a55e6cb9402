"""Constants and helpers of both sides of the trust line. Standard library only."""
