"""Machines that boot from the running service."""
