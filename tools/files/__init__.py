"""The tools `read_file` and `write_file`, and the files of sessions as resources."""
