"""What customers wish of messages, and the shop's rules for them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "notifications",
        sa.Column("turns", sa.Integer(), server_default="0", nullable=False),
    )
    op.add_column("notifications", sa.Column("send_at", sa.DateTime(timezone=True), nullable=True))
    # Until now each refusal stood for one turn; the key of what is on its way stays what it was.
    op.execute("""
        UPDATE notifications
        SET turns = 1 + (SELECT count(*) FROM jsonb_object_keys(refusals)), send_at = not_before
        WHERE channel IS NOT NULL""")
    op.create_table(
        "communication_preferences",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("channels", postgresql.JSONB(), nullable=False),
        sa.Column("blocked", postgresql.JSONB(), nullable=False),
        sa.Column("hours_from", sa.Time(), nullable=True),
        sa.Column("hours_to", sa.Time(), nullable=True),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("marketing", sa.Boolean(), nullable=True),
        sa.Column("marketing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("marketing_by", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_communication_preferences_customer_id_customers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_communication_preferences")),
    )
    op.create_index(
        op.f("ix_communication_preferences_customer_id"),
        "communication_preferences",
        ["customer_id"],
    )
    op.create_table(
        "notification_rules",
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("is_quiet", sa.Boolean(), nullable=False),
        sa.Column("channels", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("template", "locale", name=op.f("pk_notification_rules")),
    )
    op.create_table(
        "notification_settings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("quiet_from", sa.Time(), nullable=True),
        sa.Column("quiet_to", sa.Time(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_notification_settings_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_settings")),
    )


def downgrade() -> None:
    op.drop_table("notification_settings")
    op.drop_table("notification_rules")
    op.drop_table("communication_preferences")
    op.drop_column("notifications", "send_at")
    op.drop_column("notifications", "turns")
