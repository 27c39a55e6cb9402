"""Translation of code with notebook lines (`%magic`, `!command`, `name?`) into Python."""
