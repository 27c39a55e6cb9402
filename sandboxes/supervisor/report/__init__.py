"""The report of a call or a background run: verdict, error and displays, all of it validated."""
