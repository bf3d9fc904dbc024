"""Servers of others that tests run against: how each is had, started and killed."""
