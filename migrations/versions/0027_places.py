"""Messages that answer where the customer wrote: in that conversation, by that channel alone."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notifications", sa.Column("conversation_id", sa.BigInteger(), nullable=True))
    op.add_column("notifications", sa.Column("only_channel", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("notifications", "only_channel")
    op.drop_column("notifications", "conversation_id")
