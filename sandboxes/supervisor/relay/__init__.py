"""The way out of a place that has no network: connections carried over the stream to the server."""
