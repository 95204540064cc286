"""Holds and restored labels in columns; external ids without an owner are unique too; two indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
    # What is not due and was never tried may be a hold; until it is due it is treated as one.
    op.execute(
        "UPDATE outbox SET held_until = due_at"
        " WHERE state = 'pending' AND first_tried_at IS NULL AND due_at > clock_timestamp()"
    )
    op.add_column(
        "conversations", sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True)
    )
    # Of repairs that staff took in twice under one external id, the first keeps it.
    op.execute(
        "UPDATE repairs SET external_id = external_id || ' ' || ref"
        " WHERE owner_key IS NULL AND EXISTS (SELECT 1 FROM repairs first"
        " WHERE first.owner_key IS NULL AND first.external_id = repairs.external_id"
        " AND first.id < repairs.id)"
    )
    _unique_external(nulls_not_distinct=True)
    op.create_index(
        "ix_repairs_external_id",
        "repairs",
        ["external_id", "id"],
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index("ix_repairs_flags", "repairs", ["flags"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_repairs_flags", table_name="repairs")
    op.drop_index("ix_repairs_external_id", table_name="repairs")
    _unique_external(nulls_not_distinct=False)
    op.drop_column("conversations", "restored_at")
    op.drop_column("outbox", "held_until")


def _unique_external(*, nulls_not_distinct: bool) -> None:
    op.drop_index("uq_repairs_external", table_name="repairs")
    op.create_index(
        "uq_repairs_external",
        "repairs",
        ["owner_key", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
        postgresql_nulls_not_distinct=nulls_not_distinct,
    )
