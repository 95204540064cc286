"""Mass messages that wait behind everything else."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

DUE = {"inbox": "state = 'pending'", "outbox": "state IN ('pending', 'unsure')"}


def upgrade() -> None:
    for table, waiting in DUE.items():
        op.add_column(
            table, sa.Column("is_bulk", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        _index_due(table, ["is_bulk", "due_at", "id"], waiting)
    op.add_column("destinations", sa.Column("bulk_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("destinations", "bulk_at")
    for table, waiting in DUE.items():
        _index_due(table, ["due_at", "id"], waiting)
        op.drop_column(table, "is_bulk")


def _index_due(table: str, columns: list[str], waiting: str) -> None:
    op.drop_index(f"ix_{table}_due", table_name=table)
    op.create_index(f"ix_{table}_due", table, columns, postgresql_where=sa.text(waiting))
