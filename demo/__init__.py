"""A sample CoreOS live ISO and the service on it: C{make run}."""
