"""Ports and TLS: what clients connect to, and certificates that are renewed meanwhile."""
