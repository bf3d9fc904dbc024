"""Records of all kinds, and the journal of operations on them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "records",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.Identity(),
            primary_key=True,
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("link_path", sa.Text),
        sa.Column("document", sa.Text, nullable=False),
        sa.UniqueConstraint("kind", "id", name="records_id"),
    )
    op.create_index("records_order", "records", ["kind", "deleted", "position"])
    live_and_linked = sa.text("deleted IS false AND link_path IS NOT NULL")
    op.create_index(
        "records_link",
        "records",
        ["kind", "link_path"],
        unique=True,
        sqlite_where=sa.text("deleted IS 0 AND link_path IS NOT NULL"),
        postgresql_where=live_and_linked,
    )
    op.create_table(
        "operations",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Float),
        sa.Column("link_path", sa.Text),
    )
    op.create_index("operations_link", "operations", ["kind", "link_path"], unique=True)
