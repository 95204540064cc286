"""The company's facts as its invoices show them; what is issued keeps the facts of its day."""

from __future__ import annotations

from dataclasses import asdict

from marshmallow import Schema, fields, validate

from bridge.api.base import Blueprint
from bridge.api.fields import Strict, Text, one_of
from bridge.auth import allow, principal
from bridge.context import here
from crm.invoices import company
from crm.invoices.company import Facts
from crm.invoices.wording import COUNTRIES

blp = Blueprint("company", __name__, url_prefix="/api/v1/company", description="Company")


class CompanyFacts(Strict):
    """vat_number: null when the company is not VAT registered; it then charges no VAT.

    bank: one line for transfers. prefix: of the numbers of invoices. country: of their wording.
    """

    legal_name = Text(200, required=True)
    address = fields.List(Text(100), load_default=list, validate=validate.Length(max=6))
    vat_number = Text(30, allow_none=True, load_default=None)
    company_number = Text(30, at_least=0, load_default="")
    bank = Text(200, at_least=0, load_default="")
    prefix = Text(8, at_least=2, load_default="INV")
    country = one_of(*COUNTRIES, load_default="GB")


class Company(Schema):
    """vat: `unknown` until the facts are stored, then `registered` or `unregistered`."""

    legal_name = fields.String()
    address = fields.List(fields.String())
    vat_number = fields.String(allow_none=True)
    company_number = fields.String()
    bank = fields.String()
    prefix = fields.String()
    country = fields.String()
    vat = fields.String()


@blp.route("", methods=["GET"])
@allow("company.read")
@blp.response(200, Company)
def show_company():
    """The company's facts; the shop's name alone until they are stored"""
    with here().units() as uow:
        seller = company.seller(uow, here().shop)
        return asdict(seller.facts) | {"vat": seller.vat}


@blp.route("", methods=["PUT"])
@allow("company.manage")
@blp.arguments(CompanyFacts)
@blp.response(200, Company)
def put_company(body):
    """Replace the company's facts; audited"""
    with here().units() as uow:
        facts = Facts(**{**body, "address": tuple(body["address"])})
        company.put(uow, facts, principal().actor)
        seller = company.seller(uow, here().shop)
        return asdict(seller.facts) | {"vat": seller.vat}
