"""Follow-ups, surveys and reviews."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "follow_ups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("event_key", sa.Text(), nullable=True),
        sa.Column("composed_at", MOMENT, nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('survey', 'review_request', 'maintenance', 'custom')",
            name=op.f("ck_follow_ups_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'scheduled', 'sent', 'failed', 'completed', 'no_response', "
            "'cancelled')",
            name=op.f("ck_follow_ups_state"),
        ),
        sa.CheckConstraint(
            "(kind = 'custom') = (words IS NOT NULL)", name=op.f("ck_follow_ups_words")
        ),
        sa.CheckConstraint(
            "kind = 'custom' OR repair_id IS NOT NULL", name=op.f("ck_follow_ups_repair")
        ),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_follow_ups_repair_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_follow_ups_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_ups")),
    )
    op.create_index(
        "uq_follow_ups_plan",
        "follow_ups",
        ["repair_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind <> 'custom'"),
    )
    op.create_index(
        "ix_follow_ups_due",
        "follow_ups",
        ["due_at", "id"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_follow_ups_state", "follow_ups", ["state", "id"])
    op.create_index("ix_follow_ups_repair_id", "follow_ups", ["repair_id", "id"])
    op.create_index("ix_follow_ups_customer_id", "follow_ups", ["customer_id", "id"])
    op.create_table(
        "surveys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("technician", sa.Text(), nullable=True),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("ck_surveys_rating")),
        sa.CheckConstraint("via IN ('page', 'chatwoot')", name=op.f("ck_surveys_via")),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_surveys_repair_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_surveys_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_surveys")),
        sa.UniqueConstraint("repair_id", name=op.f("uq_surveys_repair_id")),
    )
    op.create_index("ix_surveys_at", "surveys", ["at", "id"])
    op.create_index("ix_surveys_technician", "surveys", ["technician", "at"])
    op.create_index("ix_surveys_ticket_id", "surveys", ["ticket_id"])
    op.create_table(
        "follow_up_settings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("review_url", sa.Text(), nullable=True),
        sa.Column("kinds", postgresql.JSONB(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_follow_up_settings_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_settings")),
    )


def downgrade() -> None:
    op.drop_table("follow_up_settings")
    op.drop_table("surveys")
    op.drop_table("follow_ups")
