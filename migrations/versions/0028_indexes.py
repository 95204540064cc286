"""Indexes for what the shop does by itself, and for keys that are known by their beginning."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

PARTIAL = (
    ("ix_notifications_sealed", "notifications", "deadline_at", "sealed_body IS NOT NULL"),
    ("ix_bookings_unproven", "bookings", "held_until", "status = 'pending'"),
    ("ix_bookings_drafts", "bookings", "updated_at", "status = 'draft'"),
)


def upgrade() -> None:
    for name, table, column, where in PARTIAL:
        op.create_index(name, table, [column], postgresql_where=sa.text(where))
    # Another order of signs than the language's: only this one finds keys by their beginning.
    op.create_index(
        "uq_notifications_event_key_new",
        "notifications",
        ["event_key"],
        unique=True,
        postgresql_ops={"event_key": "text_pattern_ops"},
    )
    op.drop_constraint("uq_notifications_event_key", "notifications", type_="unique")
    op.execute("ALTER INDEX uq_notifications_event_key_new RENAME TO uq_notifications_event_key")


def downgrade() -> None:
    op.drop_index("uq_notifications_event_key", table_name="notifications")
    op.create_unique_constraint("uq_notifications_event_key", "notifications", ["event_key"])
    for name, table, _, _ in PARTIAL:
        op.drop_index(name, table_name=table)
