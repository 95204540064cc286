"""Files of repairs and tickets."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=True),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("pair", sa.Integer(), nullable=True),
        sa.Column("is_public", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(repair_id, ticket_id) = 1", name=op.f("ck_files_one_owner")
        ),
        sa.CheckConstraint(
            "(stage IS NULL) = (pair IS NULL)", name=op.f("ck_files_stage_with_pair")
        ),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_files_repair_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_files_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("key", name=op.f("uq_files_key")),
    )
    op.create_index("uq_files_repair_digest", "files", ["repair_id", "digest"], unique=True)
    op.create_index("uq_files_ticket_digest", "files", ["ticket_id", "digest"], unique=True)
    op.create_index(
        "uq_files_pair",
        "files",
        ["repair_id", "pair", "stage"],
        unique=True,
        postgresql_where=sa.text("pair IS NOT NULL"),
    )
    op.create_index("uq_files_external_id", "files", ["external_id"], unique=True)
    op.create_index("ix_files_repair_id", "files", ["repair_id", "id"])
    op.create_index("ix_files_ticket_id", "files", ["ticket_id", "id"])


def downgrade() -> None:
    op.drop_table("files")
