"""Kubernetes for tests: a real one, and a double that has the same face."""
