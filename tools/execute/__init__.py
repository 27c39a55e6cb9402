"""The tools `execute_python`, `execute_bash` and `background_run`."""
