"""Letters about unclaimed devices."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "unclaimed_letters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", MOMENT, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("owed_minor", sa.BigInteger(), nullable=True),
        sa.Column("sell_on", sa.Date(), nullable=True),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_unclaimed_letters_repair_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unclaimed_letters")),
    )
    op.create_index(
        "uq_unclaimed_letters_step",
        "unclaimed_letters",
        ["repair_id", "ready_at", "step"],
        unique=True,
    )


def downgrade() -> None:
    op.drop_table("unclaimed_letters")
