"""The catalogue: categories, models, repair types, estimate rules and estimates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _source() -> list[sa.Column]:
    return [
        sa.Column("shipped_hash", sa.Text(), nullable=True),
        sa.Column("is_edited", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
    ]


def upgrade() -> None:
    op.create_table(
        "catalog_categories",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("icon", sa.Text(), nullable=False),
        sa.Column("year_from", sa.Integer(), nullable=False),
        sa.Column("year_to", sa.Integer(), nullable=False),
        sa.Column("is_general", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("common_issues", postgresql.JSONB(), nullable=False),
        *_source(),
        sa.PrimaryKeyConstraint("slug", name="pk_catalog_categories"),
    )
    op.create_table(
        "catalog_models",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("model_numbers", postgresql.JSONB(), nullable=False),
        sa.Column("difficulty", sa.Text(), nullable=False),
        sa.Column("common_issues", postgresql.JSONB(), nullable=False),
        sa.Column("prices", postgresql.JSONB(), nullable=False),
        sa.Column("words", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed("array_to_tsvector(words)", persisted=True),
            nullable=False,
        ),
        *_source(),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_models"),
        sa.UniqueConstraint("slug", name="uq_catalog_models_slug"),
        sa.ForeignKeyConstraint(
            ["category"], ["catalog_categories.slug"],
            name="fk_catalog_models_category",
        ),
    )  # fmt: skip
    op.create_index(
        "ix_catalog_models_search", "catalog_models", ["search"], postgresql_using="gin"
    )
    op.create_index("ix_catalog_models_newest", "catalog_models", ["year", "id"])
    op.create_index("ix_catalog_models_category", "catalog_models", ["category", "year", "id"])
    op.create_index(
        "ix_catalog_models_brand", "catalog_models", [sa.text("lower(brand)"), "year", "id"]
    )
    op.create_table(
        "catalog_repair_types",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("difficulty", sa.Text(), nullable=False),
        sa.Column("parts", postgresql.JSONB(), nullable=False),
        *_source(),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_repair_types"),
        sa.UniqueConstraint("category", "slug", name="uq_catalog_repair_types_category_slug"),
        sa.ForeignKeyConstraint(
            ["category"], ["catalog_categories.slug"],
            name="fk_catalog_repair_types_category",
        ),
    )  # fmt: skip
    op.create_table(
        "catalog_words",
        sa.Column("word", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("word", name="pk_catalog_words"),
    )
    op.create_table(
        "estimate_rules",
        sa.Column("version", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=False),
        sa.Column("shipped_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_estimate_rules"),
    )
    op.create_table(
        "estimates",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("rules_version", sa.Integer(), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("ref", name="pk_estimates"),
        sa.ForeignKeyConstraint(
            ["category"], ["catalog_categories.slug"], name="fk_estimates_category"
        ),
        sa.ForeignKeyConstraint(
            ["model"], ["catalog_models.slug"], name="fk_estimates_model"
        ),
        sa.ForeignKeyConstraint(
            ["rules_version"], ["estimate_rules.version"],
            name="fk_estimates_rules_version",
        ),
    )  # fmt: skip
    op.create_index("ix_estimates_expires_at", "estimates", ["expires_at"])
    op.create_index("ix_repairs_device", "repairs", [sa.text("lower(device)"), "id"])


def downgrade() -> None:
    op.drop_index("ix_repairs_device", table_name="repairs")
    for table in (
        "estimates", "estimate_rules", "catalog_words", "catalog_repair_types", "catalog_models",
        "catalog_categories",
    ):  # fmt: skip
        op.drop_table(table)
