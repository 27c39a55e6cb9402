"""The tool `validate_code`."""
