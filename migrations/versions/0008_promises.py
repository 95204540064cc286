"""Delays, credit for steps, mapped statuses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "repair_steps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("technician_id", sa.BigInteger(), nullable=True),
        sa.Column("technician", sa.Text(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repair_steps")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_repair_steps_entry_id")),
    )
    # The steps of repairs from before; who had them then was not kept. Reports reach back a year.
    # Locks that hold up the shop's work come after this, its only slow part.
    op.execute("""
        INSERT INTO repair_steps (entry_id, repair_id, status, to_status, actor_kind, actor_name,
                                  started_at, finished_at)
        SELECT id, repair_id, from_status, to_status, actor_kind, actor_name,
               least(began, occurred_at), occurred_at
        FROM (SELECT *, lag(occurred_at) OVER (PARTITION BY repair_id ORDER BY id) AS began
              FROM repair_history WHERE outcome IN ('created', 'moved', 'corrected')
              AND recorded_at > now() - interval '2 years') AS reached
        WHERE outcome = 'moved' AND from_status IS NOT NULL AND began IS NOT NULL
        ORDER BY id""")
    op.create_index("ix_repair_steps_repair_id", "repair_steps", ["repair_id", "id"])
    op.create_index("ix_repair_steps_finished_at", "repair_steps", ["finished_at", "id"])
    op.create_index("ix_repair_steps_technician_id", "repair_steps", ["technician_id", "id"])
    for column, table in (("entry_id", "repair_history"), ("repair_id", "repairs"),
                          ("technician_id", "technicians")):  # fmt: skip
        name = op.f(f"fk_repair_steps_{column}")
        op.create_foreign_key(name, "repair_steps", table, [column], ["id"])
    op.create_table(
        "delay_alerts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("promised_on", sa.Date(), nullable=False),
        sa.Column("expected_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_delay_alerts_repair_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delay_alerts")),
        sa.UniqueConstraint(
            "repair_id", "promised_on", name=op.f("uq_delay_alerts_repair_id_promised_on")
        ),
    )
    op.add_column(
        "api_keys",
        sa.Column("status_map", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("repair_steps")
    op.drop_table("delay_alerts")
    op.drop_column("api_keys", "status_map")
