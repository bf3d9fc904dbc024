"""The benchmark: C{make bench}; docs/performance.md says what its rows mean."""
