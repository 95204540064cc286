"""The API under /api/v1: one module a subject, described by OpenAPI 3.1."""

from __future__ import annotations

from flask import Flask, current_app, request

from bridge.api import (
    agreements,
    analytics,
    audit,
    booking_moves,
    bookings,
    catalog,
    communication_preferences,
    company,
    customers,
    disputes,
    docs,
    estimates,
    evidence,
    expenses,
    exports,
    files,
    financials,
    followups,
    intakes,
    invoices,
    keys,
    labels,
    letters,
    loans,
    locations,
    money,
    notices,
    notification_rules,
    notifications,
    openapi,
    ops,
    passcodes,
    payments,
    previews,
    promises,
    quotes,
    refunds,
    repairs,
    reviews,
    slots,
    staff,
    technicians,
    tickets,
    tracking,
    unclaimed,
    warranties,
    webhook_deliveries,
    webhook_events,
    webhooks,
    whatsapp_templates,
)
from crm.core.errors import Invalid

PREFIX = "/api/v1"
SUBJECTS = (
    customers,
    tickets,
    repairs,
    tracking,
    promises,
    analytics,
    agreements,
    labels,
    letters,
    loans,
    unclaimed,
    warranties,
    quotes,
    company,
    invoices,
    payments,
    refunds,
    disputes,
    evidence,
    expenses,
    financials,
    money,
    exports,
    intakes,
    passcodes,
    files,
    catalog,
    estimates,
    locations,
    technicians,
    slots,
    bookings,
    booking_moves,
    communication_preferences,
    notices,
    notifications,
    notification_rules,
    previews,
    followups,
    reviews,
    whatsapp_templates,
    keys,
    webhooks,
    webhook_events,
    webhook_deliveries,
    staff,
    ops,
    audit,
)


def init_app(app: Flask) -> None:
    api = openapi.make(app, PREFIX)
    for subject in SUBJECTS:
        api.register_blueprint(subject.blp)
    app.register_blueprint(docs.blueprint(api))
    app.before_request(_refuse_unknown_parameters)


def _refuse_unknown_parameters() -> None:
    """A view without query parameters takes none; the others have a schema that refuses."""
    if not request.args or request.endpoint is None or not request.path.startswith(PREFIX):
        return
    described = getattr(current_app.view_functions[request.endpoint], "_apidoc", {})
    places = [one["in"] for one in described.get("arguments", {}).get("parameters", ())]
    if "query" not in places:
        raise Invalid(
            "unknown parameters", errors={name: ["Unknown field."] for name in request.args}
        )
