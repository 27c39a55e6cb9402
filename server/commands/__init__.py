"""The commands of `bellglass`, one module each."""
