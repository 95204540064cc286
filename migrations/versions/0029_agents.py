"""Chatwoot's agents by their e-mail addresses, and to which address a sign-in link went."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chatwoot_agents",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "agent_id", name=op.f("pk_chatwoot_agents")),
    )
    op.add_column("portal_links", sa.Column("key_id", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("portal_links", "key_id")
    op.drop_table("chatwoot_agents")
