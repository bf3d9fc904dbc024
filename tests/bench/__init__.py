"""Benchmarks: what speed and memory cost, measured and never asserted.  C{make bench}."""
