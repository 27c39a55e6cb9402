"""The way out of a sandbox without a network: connections carried over the stream to the server."""
