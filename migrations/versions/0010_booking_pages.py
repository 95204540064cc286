"""Which invite a guest came with, so that a draft cannot be submitted where it was not given."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bookings", sa.Column("invite_hash", sa.Text()))


def downgrade() -> None:
    op.drop_column("bookings", "invite_hash")
