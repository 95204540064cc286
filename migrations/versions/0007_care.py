"""Loan devices, loans, and what was done about unclaimed devices."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "loan_devices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), server_default="", nullable=False),
        sa.Column("condition", sa.Text(), server_default="", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loan_devices")),
    )
    op.create_table(
        "loans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("condition_out", sa.Text(), nullable=False),
        sa.Column("note_out", sa.Text(), server_default="", nullable=False),
        sa.Column("lent_at", MOMENT, nullable=False),
        sa.Column("lent_by", sa.Text(), nullable=False),
        sa.Column("condition_back", sa.Text(), server_default="", nullable=False),
        sa.Column("note_back", sa.Text(), server_default="", nullable=False),
        sa.Column("returned_at", MOMENT, nullable=True),
        sa.Column("returned_by", sa.Text(), nullable=True),
        sa.Column("waived_at", MOMENT, nullable=True),
        sa.Column("waived_by", sa.Text(), nullable=True),
        sa.Column("waiver_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "num_nulls(returned_at, returned_by) IN (0, 2)", name=op.f("ck_loans_returned")
        ),
        sa.CheckConstraint(
            "num_nulls(waived_at, waived_by, waiver_reason) IN (0, 3)",
            name=op.f("ck_loans_waived"),
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["loan_devices.id"], name=op.f("fk_loans_device_id")
        ),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_loans_repair_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loans")),
    )
    op.create_index(
        "uq_loans_open",
        "loans",
        ["device_id"],
        unique=True,
        postgresql_where=sa.text("returned_at IS NULL"),
    )
    op.create_index("ix_loans_repair_id", "loans", ["repair_id", "id"])
    op.create_index("ix_loans_due_on", "loans", ["due_on", "id"])
    op.create_table(
        "unclaimed_steps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", MOMENT, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("is_skipped", sa.Boolean(), nullable=False),
        sa.Column("done_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_unclaimed_steps_repair_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unclaimed_steps")),
    )
    op.create_index(
        "uq_unclaimed_steps_step",
        "unclaimed_steps",
        ["repair_id", "ready_at", "step"],
        unique=True,
    )


def downgrade() -> None:
    op.drop_table("unclaimed_steps")
    op.drop_table("loans")
    op.drop_table("loan_devices")
