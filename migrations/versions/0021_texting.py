"""Opt-outs, prices and windows of text messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notifications", sa.Column("short_body", sa.Text(), nullable=True))
    op.add_column(
        "notifications",
        sa.Column("variables", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("notifications", sa.Column("segments", sa.Integer(), nullable=True))
    op.add_column("notifications", sa.Column("cost_minor", sa.Integer(), nullable=True))
    op.add_column("notifications", sa.Column("cost_currency", sa.Text(), nullable=True))
    op.create_table(
        "text_numbers",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="ok", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("channel", "digest", name=op.f("pk_text_numbers")),
    )
    op.create_table(
        "whatsapp_templates",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("content_sid", sa.Text(), nullable=False),
        sa.Column("variables", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "locale", name=op.f("pk_whatsapp_templates")),
    )


def downgrade() -> None:
    op.drop_table("whatsapp_templates")
    op.drop_table("text_numbers")
    for name in ("cost_currency", "cost_minor", "segments", "variables", "short_body"):
        op.drop_column("notifications", name)
