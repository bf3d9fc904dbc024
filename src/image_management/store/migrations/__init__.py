"""Brings the tables of an earlier release to those of this one, by Alembic."""
