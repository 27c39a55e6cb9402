"""What a session has changed in the lent folders of which it has a copy."""
