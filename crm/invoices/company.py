"""Who issues the documents: the company's facts, stored once and frozen into each document.

Until they are stored, documents name the shop and say nothing of VAT numbers. Facts that were
stored without a VAT number are those of a company that is not registered: it charges no VAT.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from crm.core import audit
from crm.core.errors import Invalid
from crm.core.events import Actor
from crm.core.shop import Shop
from crm.core.uow import UnitOfWork
from crm.invoices.models import COMPANY, Company
from crm.invoices.wording import COUNTRIES

PREFIXES = {"invoice": "INV", "credit_note": "CRN", "receipt": "RCT"}
REGISTERED, UNREGISTERED, UNKNOWN = "registered", "unregistered", "unknown"
_PREFIX = re.compile(r"[A-Z][A-Z0-9]{1,7}")


@dataclass(frozen=True)
class Facts:
    """address: lines. vat_number: None when not VAT registered. bank: one line for transfers."""

    legal_name: str
    address: tuple[str, ...] = ()
    vat_number: str | None = None
    company_number: str = ""
    bank: str = ""
    prefix: str = PREFIXES["invoice"]
    country: str = COUNTRIES[0]


@dataclass(frozen=True)
class Seller:
    """As documents show it. vat: `registered unregistered unknown`."""

    facts: Facts
    vat: str


def seller(uow: UnitOfWork, shop: Shop) -> Seller:
    company = uow.session.get(Company, COMPANY)
    if company is None:
        return Seller(Facts(shop.name), UNKNOWN)
    return Seller(_facts(company), REGISTERED if company.vat_number else UNREGISTERED)


def put(uow: UnitOfWork, facts: Facts, actor: Actor) -> Facts:
    """Replace the facts; documents that were issued keep theirs. Audited. Raises Invalid."""
    if not _PREFIX.fullmatch(facts.prefix) or facts.prefix in (PREFIXES["credit_note"],
                                                               PREFIXES["receipt"]):  # fmt: skip
        told = "2 to 8 capital letters and digits, a letter first; CRN and RCT are taken."
        raise Invalid("this prefix does not fit", errors={"prefix": [told]})
    if facts.country not in COUNTRIES:
        raise Invalid("no wording", errors={"country": [f"One of: {', '.join(COUNTRIES)}."]})
    company = uow.session.get(Company, COMPANY, with_for_update=True)
    before = _facts(company) if company else None
    if company is None:
        company = Company(id=COMPANY)
        uow.session.add(company)
    for name, value in vars(facts).items():
        setattr(company, name, list(value) if name == "address" else value)
    company.updated_at, company.updated_by = uow.now, actor.name
    changed = sorted(
        name for name, value in vars(facts).items() if before is None or vars(before)[name] != value
    )
    audit.write(uow, actor, "company.change", "company", {"fields": changed})
    uow.session.flush()
    return facts


def _facts(company: Company) -> Facts:
    return Facts(
        company.legal_name,
        tuple(company.address),
        company.vat_number,
        company.company_number,
        company.bank,
        company.prefix,
        company.country,
    )
