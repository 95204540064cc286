"""Quotes, their versions and decisions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATES = "'draft', 'sent', 'approved', 'declined', 'replaced', 'expired', 'withdrawn'"


def upgrade() -> None:
    op.create_table(
        "quotes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nudged", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_quotes_state")),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_quotes_repair_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_quotes_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotes")),
        sa.UniqueConstraint("ref", name=op.f("uq_quotes_ref")),
    )
    sent = sa.text("state = 'sent'")
    op.create_index("uq_quotes_sent", "quotes", ["repair_id"], unique=True, postgresql_where=sent)
    op.create_index("ix_quotes_waiting", "quotes", ["sent_at"], postgresql_where=sent)
    op.create_index("ix_quotes_repair_id", "quotes", ["repair_id", "id"])
    op.create_index("ix_quotes_customer_id", "quotes", ["customer_id"])
    op.create_table(
        "quote_versions",
        sa.Column("quote_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["quote_id"], ["quotes.id"], name=op.f("fk_quote_versions_quote_id")
        ),
        sa.PrimaryKeyConstraint("quote_id", "version", name=op.f("pk_quote_versions")),
    )
    op.create_table(
        "quote_decisions",
        sa.Column("quote_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("option", sa.Integer(), nullable=True),
        sa.Column("lines", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=True),
        sa.Column("by_kind", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["quote_id"], ["quotes.id"], name=op.f("fk_quote_decisions_quote_id")
        ),
        sa.PrimaryKeyConstraint("quote_id", name=op.f("pk_quote_decisions")),
    )


def downgrade() -> None:
    op.drop_table("quote_decisions")
    op.drop_table("quote_versions")
    op.drop_table("quotes")
