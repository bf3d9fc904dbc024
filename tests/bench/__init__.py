"""The benchmark: C{make bench}; docs/explanation/performance.md says what its rows mean."""
