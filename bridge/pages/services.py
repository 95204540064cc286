"""`/services` and `/services/<slug>`: one page for each kind of device, each main repair, and each
repair of each kind, all made from the catalogue.
"""

from __future__ import annotations

from flask import Blueprint, Response

from bridge.context import here
from bridge.limits import BOOKING_PAGES, limiter
from bridge.pages import offers
from bridge.pages.answers import answer
from crm.catalog.search import Filters, search
from crm.core.errors import NotFound

blueprint = Blueprint("services", __name__)

MODELS_SHOWN = 40


@blueprint.get("/services")
@limiter.limit(BOOKING_PAGES)
def index() -> Response:
    with here().units() as uow:
        repairs, families = offers.main_repairs(uow), offers.families(uow)
        return answer("pages/services.html", repairs=repairs, families=families)


@blueprint.get("/services/<string(maxlength=200):slug>")
@limiter.limit(BOOKING_PAGES)
def service(slug: str) -> Response:
    with here().units() as uow:
        try:
            page = offers.page(uow, slug)
        except NotFound:
            return answer("pages/no_service.html", 404)
        models = []
        if page.category is not None:
            filters = Filters(category=page.category.slug)
            models = search(uow, None, filters, limit=MODELS_SHOWN).page.items
        return answer("pages/service.html", page=page, models=models)
