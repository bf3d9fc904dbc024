"""Mixed load for minutes, every byte of which is checked: C{make soak}."""
