"""Folders of this machine that an operator lends to sessions."""
