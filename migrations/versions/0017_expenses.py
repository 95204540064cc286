"""Expenses of repairs and customers."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expenses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("spent_on", sa.Date(), nullable=False),
        sa.Column("supplier", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_by", sa.Text(), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('part', 'courier', 'subcontract', 'other')", name=op.f("ck_expenses_kind")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_expenses_amount")),
        sa.CheckConstraint("tax_minor BETWEEN 0 AND amount_minor", name=op.f("ck_expenses_tax")),
        sa.CheckConstraint(
            "num_nonnulls(repair_id, customer_id) <= 1", name=op.f("ck_expenses_one_subject")
        ),
        sa.CheckConstraint(
            "num_nulls(voided_at, voided_by, void_reason) IN (0, 3)",
            name=op.f("ck_expenses_voided"),
        ),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_expenses_repair_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_expenses_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("fk_expenses_file_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expenses")),
    )
    op.create_index("ix_expenses_spent_on", "expenses", ["spent_on", "id"])
    op.create_index("ix_expenses_repair_id", "expenses", ["repair_id", "id"])
    op.create_index("ix_expenses_customer_id", "expenses", ["customer_id", "id"])
    op.create_index(
        "ix_expenses_file_id",
        "expenses",
        ["file_id"],
        postgresql_where=sa.text("file_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("expenses")
