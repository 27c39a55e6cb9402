"""A socket on which commands of the same user reach a server on stdio."""
