"""Lists of news for staff and customers, and what was read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("repair_id", sa.BigInteger(), nullable=True),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("about", postgresql.JSONB(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_notices_staff_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_notices_customer_id")
        ),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_notices_repair_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_notices_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("event_key", name=op.f("uq_notices_event_key")),
    )
    for column in ("at", "staff_id", "customer_id", "repair_id", "ticket_id"):
        op.create_index(f"ix_notices_{column}", "notices", [column])
    op.create_table(
        "notice_reads",
        sa.Column("notice_id", sa.BigInteger(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("read_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notices.id"],
            name=op.f("fk_notice_reads_notice_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("notice_id", "reader", name=op.f("pk_notice_reads")),
    )
    op.create_index("ix_notice_reads_reader", "notice_reads", ["reader", "read_at"])
    _create_tokens("portal_links", sa.Column("used_at", MOMENT, nullable=True))
    _create_tokens("portal_sessions")
    op.create_table(
        "seen_notifications",
        sa.Column("notification_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name=op.f("fk_seen_notifications_notification_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("notification_id", name=op.f("pk_seen_notifications")),
    )


def _create_tokens(name: str, *more: sa.Column) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        *more,
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f(f"fk_{name}_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint("token_hash", name=op.f(f"uq_{name}_token_hash")),
    )
    op.create_index(op.f(f"ix_{name}_customer_id"), name, ["customer_id"])
    op.create_index(op.f(f"ix_{name}_expires_at"), name, ["expires_at"])


def downgrade() -> None:
    for name in (
        "seen_notifications", "portal_sessions", "portal_links", "notice_reads", "notices",
    ):  # fmt: skip
        op.drop_table(name)
