"""Who may do what: the one table of permissions. What is not written here is refused.

Roles are those of reliability.md rule 32. `shop` is for machines: it reports on repairs and sees
its own; which repairs are its own is decided where repairs are read.
"""

from __future__ import annotations

VIEWER, TECHNICIAN, DESK, MANAGER, ADMIN = "viewer", "technician", "desk", "manager", "admin"
SHOP = "shop"

STAFF_ROLES = (VIEWER, TECHNICIAN, DESK, MANAGER, ADMIN)
ROLES = (*STAFF_ROLES, SHOP)

_EVERYONE = frozenset(STAFF_ROLES)
_WORKSHOP = frozenset((TECHNICIAN, DESK, MANAGER, ADMIN))
_FRONT = frozenset((DESK, MANAGER, ADMIN))
_LEADS = frozenset((MANAGER, ADMIN))
_ADMINS = frozenset((ADMIN,))
_MACHINES = frozenset((SHOP,))

PERMISSIONS: dict[str, frozenset[str]] = {
    "session.end": _EVERYONE,
    "customers.read": _EVERYONE,
    "customers.write": _FRONT,
    "customers.merge": _FRONT,
    "tickets.read": _EVERYONE,
    "tickets.write": _WORKSHOP,
    "repairs.read": _EVERYONE | _MACHINES,
    "repairs.create": _FRONT | _MACHINES,
    "repairs.update": _WORKSHOP | _MACHINES,
    "repairs.hand_over": _WORKSHOP,
    "places.write": _WORKSHOP,
    "intakes.read": _EVERYONE,
    "intakes.write": _WORKSHOP,
    "checklists.waive": _LEADS,
    "passcodes.read": _WORKSHOP,
    "passcodes.write": _WORKSHOP,
    "agreements.read": _EVERYONE,
    "agreements.request": _WORKSHOP,
    "terms.publish": _LEADS,
    "loans.read": _EVERYONE,
    "loans.write": _WORKSHOP,
    "loans.waive": _LEADS,
    "loan_devices.manage": _FRONT,
    "repairs.watch_unclaimed": _EVERYONE,
    "letters.send": _FRONT,
    "delays.read": _EVERYONE,
    "analytics.read": _LEADS,
    "company.read": _EVERYONE,
    "company.manage": _LEADS,
    "invoices.read": _EVERYONE,
    "invoices.issue": _FRONT,
    "invoices.credit": _LEADS,
    "payments.read": _FRONT,
    "payments.take": _FRONT,
    "refunds.request": _FRONT,
    "refunds.approve": _LEADS,
    "disputes.read": _FRONT,
    "disputes.write": _FRONT,
    "evidence.read": _LEADS,
    "expenses.read": _WORKSHOP,
    "expenses.write": _WORKSHOP,
    "expenses.void": _FRONT,
    "financials.read": _LEADS,
    "exports.read": _LEADS,
    "bookings.read": _EVERYONE,
    "bookings.write": _FRONT,
    "bookings.check_in": _WORKSHOP,
    "locations.read": _EVERYONE,
    "locations.manage": _LEADS,
    "technicians.read": _EVERYONE,
    "technicians.manage": _LEADS,
    "notifications.read": _EVERYONE,
    "notifications.write": _WORKSHOP,
    "notification_rules.manage": _LEADS,
    "notices.read": _EVERYONE,
    "followups.read": _EVERYONE,
    "followups.write": _FRONT,
    "followups.manage": _LEADS,
    "reviews.read": _FRONT,
    "whatsapp_templates.manage": _LEADS,
    "catalog.write": _LEADS,
    "ops.read": _LEADS,
    "ops.replay": _ADMINS,
    "quotes.read": _EVERYONE,
    "quotes.write": _WORKSHOP,
    "quotes.send": _FRONT,
    "webhooks.manage": _ADMINS,
    "audit.read": _LEADS,
    "keys.manage": _ADMINS,
    "staff.manage": _ADMINS,
}


def may(role: str, permission: str) -> bool:
    return role in PERMISSIONS.get(permission, frozenset())
