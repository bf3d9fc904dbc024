"""The keys by which remote build nodes are known, each with the node's record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add them; nodes that are there have not been met yet."""
    op.add_column("records", sa.Column("host_key", sa.Text))
