"""Warranty lines, and repairs that came back under them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warranty_lines",
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("technician", sa.Text(), nullable=True),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("work_until", sa.Date(), nullable=True),
        sa.Column("part_until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_warranty_lines_repair_id")
        ),
        sa.PrimaryKeyConstraint("repair_id", "slug", name=op.f("pk_warranty_lines")),
    )
    op.create_table(
        "come_backs",
        sa.Column("repair_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("original_id", sa.BigInteger(), nullable=False),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_come_backs_repair_id")
        ),
        sa.ForeignKeyConstraint(
            ["original_id"], ["repairs.id"], name=op.f("fk_come_backs_original_id")
        ),
        sa.PrimaryKeyConstraint("repair_id", name=op.f("pk_come_backs")),
    )
    op.create_index("ix_come_backs_original_id", "come_backs", ["original_id", "repair_id"])


def downgrade() -> None:
    op.drop_table("come_backs")
    op.drop_table("warranty_lines")
