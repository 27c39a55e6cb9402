"""What `bellglass COMMAND` does, one file a command."""
