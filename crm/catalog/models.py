"""Tables of the catalogue and of the estimates made from it.

Every catalogue row says where it comes from: `shipped_hash` is the hash of the shipped row it was
last loaded from (null: the shop made it), `is_edited` that the shop changed it since. Rows are
retired, never deleted, because estimates name them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from crm.catalog import words
from crm.core.db import Base

DIFFICULTIES = ("easy", "medium", "hard")


class Sourced:
    """Where a row comes from. retired_at: no longer offered since then."""

    shipped_hash: Mapped[str | None] = mapped_column(Text)
    is_edited: Mapped[bool] = mapped_column(server_default=text("false"))
    retired_at: Mapped[datetime | None] = mapped_column()

    @property
    def is_shipped(self) -> bool:
        return self.shipped_hash is not None

    @property
    def is_retired(self) -> bool:
        return self.retired_at is not None


class Category(Sourced, Base):
    """family: groups categories on a page. icon: name of a drawing. is_general: takes any model.

    year_from, year_to: of the models in it, inclusive. common_issues: stand in for a model's own.
    """

    __tablename__ = "catalog_categories"

    slug: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    family: Mapped[str] = mapped_column(Text)
    icon: Mapped[str] = mapped_column(Text)
    year_from: Mapped[int] = mapped_column(Integer)
    year_to: Mapped[int] = mapped_column(Integer)
    is_general: Mapped[bool] = mapped_column()
    position: Mapped[int] = mapped_column(Integer)
    common_issues: Mapped[list] = mapped_column()


class DeviceModel(Sourced, Base):
    """model_numbers: as the maker prints them. prices: repair type slug -> the price in minor units
    of this model where it differs from its category's. words: what it is found by."""

    __tablename__ = "catalog_models"
    __table_args__ = (
        Index("ix_catalog_models_search", "search", postgresql_using="gin"),
        Index("ix_catalog_models_newest", "year", "id"),
        Index("ix_catalog_models_category", "category", "year", "id"),
        Index("ix_catalog_models_brand", text("lower(brand)"), "year", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    category: Mapped[str] = mapped_column(ForeignKey("catalog_categories.slug"))
    brand: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    year: Mapped[int] = mapped_column(Integer)
    model_numbers: Mapped[list] = mapped_column()
    difficulty: Mapped[str] = mapped_column(Text)
    common_issues: Mapped[list] = mapped_column()
    prices: Mapped[dict] = mapped_column()
    words: Mapped[list] = mapped_column(ARRAY(Text))
    search: Mapped[str] = mapped_column(
        TSVECTOR, Computed("array_to_tsvector(words)", persisted=True), deferred=True
    )

    def index(self) -> None:
        """Work out the words again; call it after a change of brand, name, year or numbers."""
        self.words = words.of_model(self.brand, self.name, self.year, self.model_numbers)


class RepairType(Sourced, Base):
    """What can be repaired on a category's devices. minutes: of work. parts: needed for it."""

    __tablename__ = "catalog_repair_types"
    __table_args__ = (UniqueConstraint("category", "slug"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    category: Mapped[str] = mapped_column(ForeignKey("catalog_categories.slug"))
    slug: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    price_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    minutes: Mapped[int] = mapped_column(Integer)
    difficulty: Mapped[str] = mapped_column(Text)
    parts: Mapped[list] = mapped_column()


class Word(Base):
    """The words models are made of, so that a slip of the pen finds the word that was meant."""

    __tablename__ = "catalog_words"

    word: Mapped[str] = mapped_column(Text, primary_key=True)


class RuleSet(Base):
    """One version of the estimate rules; the highest is in force. shipped_hash: null when the shop
    wrote it."""

    __tablename__ = "estimate_rules"

    version: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    rules: Mapped[dict] = mapped_column()
    shipped_hash: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()


class Estimate(Base):
    """A price given to somebody and held until `expires_at`, whatever the catalogue says later.

    request: what was asked. result: lines, tax and range as they were shown.
    """

    __tablename__ = "estimates"
    __table_args__ = (Index("ix_estimates_expires_at", "expires_at"),)

    ref: Mapped[str] = mapped_column(Text, primary_key=True)
    category: Mapped[str] = mapped_column(ForeignKey("catalog_categories.slug"))
    model: Mapped[str | None] = mapped_column(ForeignKey("catalog_models.slug"))
    rules_version: Mapped[int] = mapped_column(ForeignKey("estimate_rules.version"))
    request: Mapped[dict] = mapped_column()
    result: Mapped[dict] = mapped_column()
    total_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()
    expires_at: Mapped[datetime] = mapped_column()
