"""Reading code without running any of it: what `validate_code` asks the supervisor for."""
