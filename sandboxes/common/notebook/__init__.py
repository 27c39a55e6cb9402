"""Code with notebook lines (`%magic`, `!command`, `name?`) as Python."""
