"""The first steps of booking: the device, what is wrong with it, and in which state it is."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_babel import lazy_gettext as _
from marshmallow import ValidationError
from werkzeug.wrappers import Response as Redirect

from bridge import languages
from bridge.auth import refuse_foreign_form
from bridge.context import here
from bridge.limits import BOOKING_PAGES, DRAFTS, limiter
from bridge.pages.answers import answer, onward
from bridge.pages.booking import forms
from bridge.pages.booking.access import (
    GUEST,
    TOKEN,
    after_step,
    blueprint,
    draft,
    step_page,
    token_of,
)
from bridge.pages.booking.forms import Problem
from bridge.pages.offers import MAIN
from crm import price_history
from crm.bookings import choices, drafts
from crm.bookings.models import Booking
from crm.bookings.wishes import Device
from crm.catalog import queries as catalog
from crm.catalog.rules import CONDITIONS
from crm.catalog.search import Filters, search
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.locations import queries as locations

OTHER = "other-device"
MOST_LISTED, MOST_SUGGESTED, MOST_CATEGORIES = 60, 12, 100
LONGEST_QUERY = 200
OWN = price_history.percents
CONDITION_WORDS = {
    "good": _("Good: only the fault itself"),
    "fair": _("Fair: scratches and signs of use"),
    "poor": _("Poor: bent, wet, or opened before"),
}


@blueprint.get("/book")
@limiter.limit(BOOKING_PAGES)
def start() -> Response:
    with here().units() as uow:
        return _device_page(uow, None)


@blueprint.post("/book")
@limiter.limit(DRAFTS, deduct_when=lambda response: response.status_code < 400)
def begin() -> Response | Redirect:
    """The first answer makes the draft; from here on its link brings everything back."""
    refuse_foreign_form()
    try:
        device = Device(**forms.device(request.form))
        with here().units() as uow:
            place = next(iter(locations.active(uow)), None)
            if place is None:
                return answer("pages/book_closed.html", 503)
            fields = {"location": place.slug, "locale": languages.chosen()}
            currency = here().shop.currency
            booking = drafts.draft(uow, GUEST, fields, currency=currency, by_guest=True)
            choices.add(uow, booking, device, OWN)
            return onward("booking.repairs", token=token_of(booking), device=0, repair=_repair())
    except (ValidationError, Invalid) as error:
        problem = forms.told(error)
    with here().units() as uow:
        return _device_page(uow, None, problem)


@blueprint.get(f"/book/{TOKEN}/device")
@limiter.limit(BOOKING_PAGES)
def device(token: str) -> Response:
    with here().units() as uow:
        return _device_page(uow, draft(uow, token))


@blueprint.post(f"/book/{TOKEN}/device")
@limiter.limit(BOOKING_PAGES)
def save_device(token: str) -> Response | Redirect:
    """In the place the address names, or as one more."""
    refuse_foreign_form()
    try:
        wish = Device(**forms.device(request.form))
        with here().units() as uow:
            booking = draft(uow, token, for_update=True)
            place = forms.place(request.args.get("device"))
            if place >= 0:
                choices.swap(uow, booking, place, wish, OWN)
            else:
                place = choices.add(uow, booking, wish, OWN)
        return onward("booking.repairs", token=token, device=place, repair=_repair())
    except (ValidationError, Invalid) as error:
        problem = forms.told(error)
    with here().units() as uow:
        return _device_page(uow, draft(uow, token), problem)


@blueprint.post(f"/book/{TOKEN}/remove")
@limiter.limit(BOOKING_PAGES)
def remove_device(token: str) -> Redirect:
    refuse_foreign_form()
    with here().units() as uow:
        place = forms.place(request.form.get("device"))
        choices.remove(uow, draft(uow, token, for_update=True), place, OWN)
    return onward("booking.show", token=token)


@blueprint.get(f"/book/{TOKEN}/repairs")
@limiter.limit(BOOKING_PAGES)
def repairs(token: str) -> Response:
    with here().units() as uow:
        return _repairs_page(uow, draft(uow, token))


@blueprint.post(f"/book/{TOKEN}/repairs")
@limiter.limit(BOOKING_PAGES)
def save_repairs(token: str) -> Response | Redirect:
    refuse_foreign_form()
    try:
        given = {"repair_types": request.form.getlist("repair_types"),
                 "problem": request.form.get("problem", "")}  # fmt: skip
        wish = forms.wish(given)
        with here().units() as uow:
            booking = draft(uow, token, for_update=True)
            place = _asked()
            choices.set_repairs(
                uow, booking, place, tuple(wish["repair_types"]), wish["problem"], OWN
            )
            following = after_step(uow, booking, "repairs")
    except (ValidationError, Invalid, Conflict) as error:
        problem = forms.told(error)
    else:
        if request.form.get("then") == "another":
            return onward("booking.device", token=token)
        return onward(following, token=token)
    with here().units() as uow:
        return _repairs_page(uow, draft(uow, token), problem)


@blueprint.get(f"/book/{TOKEN}/condition")
@limiter.limit(BOOKING_PAGES)
def condition(token: str) -> Response:
    with here().units() as uow:
        return _condition_page(uow, draft(uow, token))


@blueprint.post(f"/book/{TOKEN}/condition")
@limiter.limit(BOOKING_PAGES)
def save_condition(token: str) -> Response | Redirect:
    refuse_foreign_form()
    with here().units() as uow:
        booking = draft(uow, token, for_update=True)
        count = len(choices.of(uow, booking))
        conditions = {n: request.form.get(f"condition-{n}", "") for n in range(count)}
        conditions = {n: one for n, one in conditions.items() if one}
        if not set(conditions.values()) <= set(CONDITIONS):
            return _condition_page(uow, booking, forms.faults("condition"))
        is_urgent = request.form.get("is_urgent") == "yes"
        choices.set_terms(uow, booking, conditions, is_urgent, OWN)
        if request.form.get("then") == "stay":
            return onward("booking.condition", token=token, _anchor="price")
        return onward(after_step(uow, booking, "condition"), token=token)


def _device_page(
    uow: UnitOfWork, booking: Booking | None, problem: Problem | None = None
) -> Response:
    """What was searched for, else the models of a category, else all categories."""
    if not locations.active(uow):
        return answer("pages/book_closed.html", 503)
    q = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_QUERY]
    shown: dict[str, Any] = {"q": q, "repair": _repair(), "category": None, "found": None}
    slug = request.args.get("category")
    if slug and "\0" not in slug:
        try:
            shown["category"] = catalog.category(uow, slug[:100])
        except NotFound:
            problem = problem or forms.faults("category")
    category = shown["category"]
    if q:
        filters = Filters(category=category.slug if category else None)
        shown["found"] = search(uow, q, filters, limit=MOST_SUGGESTED)
    elif category:
        shown["found"] = search(uow, None, Filters(category=category.slug), limit=MOST_LISTED)
    every = catalog.categories(uow, limit=MOST_CATEGORIES).items
    families: dict[str, list[Any]] = {}
    for one in every:
        families.setdefault(one.family, []).append(one)
    return step_page(
        uow, booking, "device", problem, families=families,
        other=category or next((one for one in every if one.slug == OTHER), None), **shown,
    )  # fmt: skip


def _repairs_page(uow: UnitOfWork, booking: Booking, problem: Problem | None = None) -> Response:
    """Raises NotFound when there is no such device."""
    place, made = _asked(), choices.of(uow, booking)
    if not 0 <= place < len(made):
        raise NotFound("no such device")
    chosen = made[place].device
    model = catalog.model(uow, chosen.model) if chosen.model else None
    category = catalog.category(uow, model.category if model else chosen.category or "")
    every = catalog.repair_types(uow, category.slug)
    every.sort(key=lambda one: MAIN.index(one.slug) if one.slug in MAIN else len(MAIN))
    offered = [(one, catalog.price_of(one, model)) for one in every]
    ticked = set(chosen.repair_types)
    typed = chosen.problem
    if request.method == "POST":
        ticked, typed = set(request.form.getlist("repair_types")), request.form.get("problem", "")
    elif not ticked and _repair():
        ticked = {_repair()}
    return step_page(
        uow, booking, "repairs", problem, device=chosen, place=place, offered=offered,
        ticked=ticked, described=typed,
    )  # fmt: skip


def _condition_page(uow: UnitOfWork, booking: Booking, problem: Problem | None = None) -> Response:
    return step_page(uow, booking, "condition", problem, conditions=CONDITION_WORDS)


def _asked() -> int:
    return forms.place(request.args.get("device", "0"))


def _repair() -> str | None:
    """A repair chosen before the device, on a page of the services."""
    wish = request.values.get("repair", "")
    return wish[:80] if wish and "\0" not in wish else None
