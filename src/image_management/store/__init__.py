"""The database of records, and of operations on them that are under way: SQLite or PostgreSQL."""
