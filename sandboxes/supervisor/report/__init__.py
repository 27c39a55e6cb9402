"""What is told of a call or a background run: verdict, error, displays, all of it validated."""
