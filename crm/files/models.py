"""The table of files. The bytes are on disk, under the row's key (`store.py`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.db import Base


class File(Base):
    """A picture or document of one repair or one ticket.

    key: random, names the file outside and on disk. digest: SHA-256 of what was sent; the same
    bytes are filed once per repair or ticket. pair, stage: `before` and `after` pictures of one
    number belong together. is_public: released to the tracking page. source: `api`, `link`
    or `chat`.
    """

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint("num_nonnulls(repair_id, ticket_id) = 1", name="one_owner"),
        CheckConstraint("(stage IS NULL) = (pair IS NULL)", name="stage_with_pair"),
        Index("uq_files_repair_digest", "repair_id", "digest", unique=True),
        Index("uq_files_ticket_digest", "ticket_id", "digest", unique=True),
        Index("uq_files_pair", "repair_id", "pair", "stage", unique=True,
              postgresql_where=text("pair IS NOT NULL")),
        Index("uq_files_external_id", "external_id", unique=True),
        Index("ix_files_repair_id", "repair_id", "id"),
        Index("ix_files_ticket_id", "ticket_id", "id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    name: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column()
    width: Mapped[int | None] = mapped_column()
    height: Mapped[int | None] = mapped_column()
    digest: Mapped[str] = mapped_column(Text)
    stage: Mapped[str | None] = mapped_column(Text)
    pair: Mapped[int | None] = mapped_column()
    is_public: Mapped[bool] = mapped_column(server_default=text("false"))
    source: Mapped[str] = mapped_column(Text)
    external_id: Mapped[str | None] = mapped_column(Text)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column()

    @property
    def is_picture(self) -> bool:
        return self.width is not None
