"""Running tests and cases in a process of their own: what `run_tests` asks the supervisor for."""
