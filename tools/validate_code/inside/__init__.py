"""The job of `validate_code`: it analyses code without running any of it."""
