"""Terms, signatures and places of devices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "terms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terms")),
    )
    op.create_index("uq_terms_version", "terms", ["purpose", "locale", "version"], unique=True)
    op.create_table(
        "agreements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("terms_id", sa.BigInteger(), nullable=True),
        sa.Column("signed_at", MOMENT, nullable=True),
        sa.Column("signer_name", sa.Text(), nullable=True),
        sa.Column("strokes", JSONB(), nullable=True),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("voided_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "num_nulls(signed_at, terms_id, signer_name) IN (0, 3)",
            name=op.f("ck_agreements_signed"),
        ),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_agreements_repair_id")
        ),
        sa.ForeignKeyConstraint(["terms_id"], ["terms.id"], name=op.f("fk_agreements_terms_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreements")),
    )
    op.create_index(
        "uq_agreements_purpose",
        "agreements",
        ["repair_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("voided_at IS NULL"),
    )
    op.create_index("ix_agreements_repair_id", "agreements", ["repair_id", "id"])
    op.create_table(
        "collection_proofs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("voided_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "(kind = 'seen') = (reason IS NOT NULL)",
            name=op.f("ck_collection_proofs_reason_when_seen"),
        ),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_collection_proofs_repair_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_proofs")),
    )
    op.create_index("ix_collection_proofs_repair_id", "collection_proofs", ["repair_id", "id"])
    op.add_column("repairs", sa.Column("place", sa.Text(), nullable=True))
    op.create_index(
        "ix_repairs_search",
        "repairs",
        ["ref", "device", "place"],
        postgresql_using="gin",
        postgresql_ops={
            "ref": "gin_trgm_ops",
            "device": "gin_trgm_ops",
            "place": "gin_trgm_ops",
        },
    )


def downgrade() -> None:
    op.drop_index("ix_repairs_search", table_name="repairs")
    op.drop_column("repairs", "place")
    op.drop_table("collection_proofs")
    op.drop_table("agreements")
    op.drop_table("terms")
