"""Intake records, checklists and the passcode box."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("intakes", "checklists", "checklist_items", "passcodes", "passcode_looks")


def upgrade() -> None:
    op.create_table(
        "intakes",
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("device_class", sa.Text(), nullable=False),
        sa.Column("imei", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("accessories", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("condition", sa.Text(), nullable=True),
        sa.Column("condition_notes", sa.Text(), server_default="", nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_intakes_repair_id")),
        sa.PrimaryKeyConstraint("repair_id", name=op.f("pk_intakes")),
    )
    for column in ("imei", "serial"):
        op.create_index(
            f"ix_intakes_{column}",
            "intakes",
            [column, "repair_id"],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_table(
        "checklists",
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("waived_at", MOMENT, nullable=True),
        sa.Column("waived_by", sa.Text(), nullable=True),
        sa.Column("waived_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "num_nulls(waived_at, waived_by, waived_because) IN (0, 3)",
            name=op.f("ck_checklists_waived"),
        ),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_checklists_repair_id")
        ),
        sa.PrimaryKeyConstraint("repair_id", "stage", name=op.f("pk_checklists")),
    )
    op.create_table(
        "checklist_items",
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("words", JSONB(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "num_nulls(result, answered_by, answered_at) IN (0, 3)",
            name=op.f("ck_checklist_items_answered"),
        ),
        sa.ForeignKeyConstraint(
            ["repair_id", "stage"],
            ["checklists.repair_id", "checklists.stage"],
            name=op.f("fk_checklist_items_repair_id_stage"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repair_id", "stage", "slug", name=op.f("pk_checklist_items")),
    )
    op.create_table(
        "passcodes",
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("is_from_chat", sa.Boolean(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.Column("wiped_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "(sealed IS NULL) = (wiped_at IS NOT NULL)", name=op.f("ck_passcodes_wiped")
        ),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_passcodes_repair_id")),
        sa.PrimaryKeyConstraint("repair_id", name=op.f("pk_passcodes")),
    )
    op.create_index(
        "ix_passcodes_kept", "passcodes", ["set_at"], postgresql_where=sa.text("wiped_at IS NULL")
    )
    op.create_table(
        "passcode_looks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("looked_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_passcode_looks_repair_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passcode_looks")),
    )
    op.create_index("ix_passcode_looks_repair_id", "passcode_looks", ["repair_id", "id"])
    op.add_column(
        "locations",
        sa.Column("requires_intake", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("locations", "requires_intake")
    for table in reversed(TABLES):
        op.drop_table(table)
