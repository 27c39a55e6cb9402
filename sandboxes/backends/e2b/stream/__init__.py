"""The byte stream to the supervisor in a machine, over connections that may be cut."""
