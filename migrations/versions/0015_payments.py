"""The ledger, payments and attempts to pay by card."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
LIVE = "state IN ('created', 'open')"


def upgrade() -> None:
    op.create_table(
        "payment_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=True),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("quote_id", sa.BigInteger(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("provider_session_id", sa.Text(), nullable=True),
        sa.Column("provider_payment_id", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("livemode", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=True),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_attempts_amount")),
        sa.CheckConstraint(
            "state IN ('created', 'open', 'processing', 'paid', 'expired', 'failed', 'mismatched')",
            name=op.f("ck_payment_attempts_state"),
        ),
        sa.CheckConstraint(
            "purpose IN ('deposit', 'balance', 'other')",
            name=op.f("ck_payment_attempts_purpose"),
        ),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_payment_attempts_repair_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_payment_attempts_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_payment_attempts_invoice_id")
        ),
        sa.ForeignKeyConstraint(
            ["quote_id"], ["quotes.id"], name=op.f("fk_payment_attempts_quote_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_attempts")),
        sa.UniqueConstraint("ref", name=op.f("uq_payment_attempts_ref")),
        sa.UniqueConstraint(
            "provider_session_id", name=op.f("uq_payment_attempts_provider_session_id")
        ),
        sa.UniqueConstraint(
            "provider_payment_id", name=op.f("uq_payment_attempts_provider_payment_id")
        ),
    )
    op.create_index(
        "uq_payment_attempts_live",
        "payment_attempts",
        ["repair_id"],
        unique=True,
        postgresql_where=sa.text(LIVE),
    )
    op.create_index("ix_payment_attempts_repair_id", "payment_attempts", ["repair_id", "id"])
    op.create_index(
        "ix_payment_attempts_doubtful",
        "payment_attempts",
        ["created_at"],
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=True),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("attempt_id", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("provider_payment_id", sa.Text(), nullable=True),
        sa.Column("provider_charge_id", sa.Text(), nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_amount")),
        sa.CheckConstraint("fee_minor >= 0", name=op.f("ck_payments_fee")),
        sa.CheckConstraint(
            "num_nonnulls(repair_id, invoice_id) > 0", name=op.f("ck_payments_what_for")
        ),
        sa.CheckConstraint(
            "(method = 'card') = (provider_payment_id IS NOT NULL)",
            name=op.f("ck_payments_card"),
        ),
        sa.CheckConstraint(
            "method IN ('card', 'cash', 'transfer', 'other')", name=op.f("ck_payments_method")
        ),
        sa.CheckConstraint(
            "state IN ('received', 'disputed', 'lost')", name=op.f("ck_payments_state")
        ),
        sa.CheckConstraint(
            "purpose IN ('deposit', 'balance', 'other')", name=op.f("ck_payments_purpose")
        ),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_payments_repair_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_payments_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["payment_attempts.id"], name=op.f("fk_payments_attempt_id")
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_payments_invoice_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("ref", name=op.f("uq_payments_ref")),
        sa.UniqueConstraint("provider_payment_id", name=op.f("uq_payments_provider_payment_id")),
    )
    op.create_index("ix_payments_repair_id", "payments", ["repair_id", "id"])
    op.create_index("ix_payments_invoice_id", "payments", ["invoice_id", "id"])
    op.create_index("ix_payments_customer_id", "payments", ["customer_id", "id"])
    op.create_index("ix_payments_attempt_id", "payments", ["attempt_id"])
    op.create_index("ix_payments_provider_charge_id", "payments", ["provider_charge_id"])
    op.create_index("ix_payments_received_at", "payments", ["received_at", "id"])
    op.create_table(
        "ledger_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint("cause", name=op.f("uq_ledger_transactions_cause")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("repair_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_ledger_entries_amount")),
        sa.CheckConstraint(
            "account IN ('receivable', 'held', 'card', 'cash', 'transfer', 'other', 'sales', "
            "'tax', 'fees', 'disputed', 'refunding')",
            name=op.f("ck_ledger_entries_account"),
        ),
        sa.CheckConstraint(
            "account <> 'receivable' OR invoice_id IS NOT NULL",
            name=op.f("ck_ledger_entries_receivable"),
        ),
        sa.CheckConstraint(
            "account <> 'held' OR num_nonnulls(repair_id, invoice_id) > 0",
            name=op.f("ck_ledger_entries_held"),
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["ledger_transactions.id"],
            name=op.f("fk_ledger_entries_transaction_id"),
        ),
        sa.ForeignKeyConstraint(
            ["repair_id"], ["repairs.id"], name=op.f("fk_ledger_entries_repair_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_ledger_entries_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_ledger_entries_payment_id")
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_ledger_entries_invoice_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index("ix_ledger_entries_transaction_id", "ledger_entries", ["transaction_id"])
    op.create_index("ix_ledger_entries_repair_id", "ledger_entries", ["repair_id", "account"])
    op.create_index("ix_ledger_entries_invoice_id", "ledger_entries", ["invoice_id", "account"])
    op.create_index("ix_ledger_entries_customer_id", "ledger_entries", ["customer_id"])
    op.create_index("ix_ledger_entries_payment_id", "ledger_entries", ["payment_id"])
    op.create_index("ix_ledger_entries_account", "ledger_entries", ["account", "at"])
    _guard_ledger()


def _guard_ledger() -> None:
    """No leg is changed or removed, and no transaction is committed that does not balance."""
    op.execute(
        """
        CREATE FUNCTION ledger_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            -- Customers are merged and erased; what was booked, when and why stays.
            IF TG_OP = 'UPDATE'
               AND to_jsonb(NEW) - 'customer_id' = to_jsonb(OLD) - 'customer_id' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'the ledger is append-only';
        END $$
        """
    )
    for table in ("ledger_transactions", "ledger_entries"):
        op.execute(
            f"""
            CREATE TRIGGER ledger_is_final BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION ledger_is_final()
            """
        )
    op.execute(
        """
        CREATE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM ledger_entries
                JOIN ledger_transactions AS whole ON whole.id = transaction_id
                WHERE transaction_id = NEW.transaction_id
                HAVING sum(amount_minor) <> 0
                    OR bool_or(ledger_entries.currency <> whole.currency)
            ) THEN
                RAISE EXCEPTION 'the legs of ledger transaction % do not add up to zero',
                    NEW.transaction_id;
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON ledger_entries
        DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION ledger_balances()
        """
    )


def downgrade() -> None:
    op.drop_table("ledger_entries")
    op.drop_table("ledger_transactions")
    op.drop_table("payments")
    op.drop_table("payment_attempts")
    op.execute("DROP FUNCTION ledger_balances()")
    op.execute("DROP FUNCTION ledger_is_final()")
