"""The command line: commands, and the settings as options of each."""
