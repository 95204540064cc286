"""Invoices, credit notes and receipts, their numbers and files."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _companies()
    _invoices()
    _files_and_series()
    _freeze()


def _companies() -> None:
    op.create_table(
        "companies",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=False),
        sa.Column("address", postgresql.JSONB(), nullable=False),
        sa.Column("vat_number", sa.Text(), nullable=True),
        sa.Column("company_number", sa.Text(), nullable=False),
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_companies_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
    )


def _invoices() -> None:
    op.create_table(
        "invoices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("corrects_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("supplied_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('invoice', 'credit_note', 'receipt')", name=op.f("ck_invoices_kind")
        ),
        sa.CheckConstraint("total_minor >= 0", name=op.f("ck_invoices_total")),
        sa.CheckConstraint(
            "(kind = 'credit_note') = (corrects_id IS NOT NULL)",
            name=op.f("ck_invoices_corrects"),
        ),
        sa.CheckConstraint(
            "(kind = 'receipt') = (payment_id IS NOT NULL)", name=op.f("ck_invoices_receipt")
        ),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_invoices_repair_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_invoices_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["corrects_id"], ["invoices.id"], name=op.f("fk_invoices_corrects_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("number", name=op.f("uq_invoices_number")),
    )
    op.create_index("ix_invoices_repair_id", "invoices", ["repair_id", "id"])
    op.create_index("ix_invoices_customer_id", "invoices", ["customer_id", "id"])
    op.create_index(
        "ix_invoices_corrects_id",
        "invoices",
        ["corrects_id"],
        postgresql_where=sa.text("corrects_id IS NOT NULL"),
    )
    op.create_index("ix_invoices_issued_at", "invoices", ["issued_at", "id"])
    op.create_index("uq_invoices_payment_id", "invoices", ["payment_id"], unique=True)


def _files_and_series() -> None:
    op.create_table(
        "invoice_files",
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_files_invoice_id")
        ),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoice_files")),
    )
    op.create_table(
        "invoice_series",
        sa.Column("company", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company", "kind", "year", name=op.f("pk_invoice_series")),
    )


def _freeze() -> None:
    op.execute(
        """
        CREATE FUNCTION invoice_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            -- Customers are merged and erased; what the document says stays.
            IF TG_OP = 'UPDATE'
               AND to_jsonb(NEW) - 'customer_id' = to_jsonb(OLD) - 'customer_id' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'an issued document is final: correct it with a credit note';
        END $$
        """
    )
    for table in ("invoices", "invoice_files"):
        op.execute(
            f"""
            CREATE TRIGGER invoice_is_final BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION invoice_is_final()
            """
        )


def downgrade() -> None:
    op.drop_table("invoice_series")
    op.drop_table("invoice_files")
    op.drop_table("invoices")
    op.drop_table("companies")
    op.execute("DROP FUNCTION invoice_is_final()")
