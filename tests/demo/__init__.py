"""What C{make run} shows."""
