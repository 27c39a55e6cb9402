"""The tool `run_tests`."""
