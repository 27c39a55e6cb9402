"""Code under test in a process of its own: the tests hold only stand-ins for what is in there."""
