"""Where messages went and which channels would not take them; what was erased."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notifications", sa.Column("address", sa.Text(), nullable=True))
    op.add_column(
        "notifications",
        sa.Column("refusals", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("notifications", sa.Column("external_id", sa.Text(), nullable=True))
    op.create_index("ix_notifications_external_id", "notifications", ["external_id"])
    op.create_table(
        "tombstones",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tombstones")),
        sa.UniqueConstraint("digest", name=op.f("uq_tombstones_digest")),
    )


def downgrade() -> None:
    op.drop_table("tombstones")
    op.drop_index("ix_notifications_external_id", "notifications")
    op.drop_column("notifications", "external_id")
    op.drop_column("notifications", "refusals")
    op.drop_column("notifications", "address")
