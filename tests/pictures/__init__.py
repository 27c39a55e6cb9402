"""The pictures of the README: `make screenshots` records them anew."""
