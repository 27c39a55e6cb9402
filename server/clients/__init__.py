"""Client applications, and how bellglass comes into their configuration."""
