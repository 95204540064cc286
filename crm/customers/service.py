"""Recognising, creating and changing customers. Merging is in `merging.py`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlalchemy import or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from crm.core import refs
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.events import SYSTEM, Actor
from crm.core.uow import UnitOfWork
from crm.customers import rules
from crm.customers.events import AddressProven, CustomerCreated
from crm.customers.models import EMAIL, PHONE, Customer, CustomerKey, MergeSuggestion
from crm.customers.rules import Key

REF_PREFIX = "CUS"
MOST_OTHERS = 10  # who have one of the same keys


@dataclass(frozen=True)
class Person:
    """Somebody as a sender describes them.

    customer_ref: our own id, only where the sender proved it. keys: other keys, strongest first.
    replaces: whether a proven e-mail or phone replaces the one we hold; a machine's fills gaps only
    (docs/decisions/0009).
    """

    name: str = ""
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    customer_ref: str | None = None
    keys: tuple[Key, ...] = field(default=())
    replaces: bool = True


def told(
    name: str = "",
    email: str | None = None,
    phone: str | None = None,
    locale: str | None = None,
    *,
    by_staff: bool = True,
) -> Person:
    """Somebody whose details were taken down in the shop: by staff, or by a machine of theirs."""
    keys = []
    if email:
        keys.append(rules.email_key(email, proven=True))
    if phone:
        keys.append(rules.phone_key(phone, proven=True))
    return Person(name, email, phone, locale, keys=tuple(keys), replaces=by_staff)


def by_ref(uow: UnitOfWork, ref: str) -> Customer:
    """The customer with this reference; an old reference of a merged one keeps resolving.

    Raises NotFound.
    """
    customer = uow.session.scalars(select(Customer).where(Customer.ref == ref)).first()
    if customer is None:
        raise NotFound("no such customer")
    return _living(uow, customer)


def recognise(uow: UnitOfWork, person: Person, actor: Actor) -> Customer:
    """The customer this person is, made if new (product.md, row 4).

    The ladder: our own id, then each proven key against proven keys. A key that either side has not
    proven only leaves a suggestion to merge: nobody gets into a stranger's file by typing an address.
    """
    customer = _match(uow, person)
    if customer is None:
        customer = _create(uow, person, actor)
    else:
        _fill_gaps(uow, customer, person)
    known, others = _holders(uow, customer, person.keys)
    for key in person.keys:
        stands = person.replaces or _shows(customer, key)
        told = key if stands else replace(key, proven=False)
        has = known.get((key.kind, key.value))
        if has is None or (told.proven and not has):
            _remember(uow, customer, told)
    for other_id, kind in others:
        suggest_merge(uow, customer.id, other_id, f"same {kind}")
    return customer


def create(uow: UnitOfWork, person: Person, actor: Actor) -> Customer:
    """A customer entered by staff. Raises Conflict (`customer-exists`) when a proven key is taken."""
    if _match(uow, person) is not None:
        raise Conflict("a customer with this proven e-mail or phone exists", code="customer-exists")
    return recognise(uow, person, actor)


def update(uow: UnitOfWork, ref: str, changes: dict[str, str | None], actor: Actor) -> Customer:
    """Change name, email, phone or locale by staff, whose word proves the new address or number.

    Raises NotFound, Invalid (bad phone), Conflict (`key-taken`: another customer has proven it).
    """
    customer = by_ref(uow, ref)
    if changes.get("phone") and not rules.is_e164(changes["phone"]):
        raise Invalid(
            "not an E.164 phone number", errors={"phone": ["use +, country code, number"]}
        )
    for kind, make in ((EMAIL, rules.email_key), (PHONE, rules.phone_key)):
        value = changes.get(kind)
        if value:
            key = make(value, proven=True)
            owner = _owner_of(uow, key)
            if owner is not None and owner.id != customer.id:
                raise Conflict(f"another customer has this {kind}", code="key-taken")
            _remember(uow, customer, key)
    for name, value in changes.items():
        setattr(customer, name, value)
    customer.updated_at = uow.now
    return customer


def suggest_merge(uow: UnitOfWork, one_id: int, other_id: int, reason: str) -> None:
    """Leave it to a person whether two records are one customer."""
    low, high = sorted((one_id, other_id))
    uow.session.execute(
        insert(MergeSuggestion)
        .values(customer_id=low, other_id=high, reason=reason, created_at=uow.now)
        .on_conflict_do_nothing()
    )


def _living(uow: UnitOfWork, customer: Customer) -> Customer:
    while customer.merged_into_id is not None:
        customer = uow.session.get_one(Customer, customer.merged_into_id)
    return customer


def _match(uow: UnitOfWork, person: Person) -> Customer | None:
    if person.customer_ref:
        found = uow.session.scalars(
            select(Customer).where(Customer.ref == person.customer_ref.upper())
        ).first()
        if found is not None:
            return _living(uow, found)
    for key in person.keys:
        if key.proven and (owner := _owner_of(uow, key)):
            return owner
    return None


def _owner_of(uow: UnitOfWork, key: Key) -> Customer | None:
    found = uow.session.scalars(
        select(Customer)
        .join(CustomerKey, CustomerKey.customer_id == Customer.id)
        .where(CustomerKey.kind == key.kind, CustomerKey.value == key.value, CustomerKey.is_proven)
    ).first()
    return _living(uow, found) if found is not None else None


def _create(uow: UnitOfWork, person: Person, actor: Actor) -> Customer:
    customer = Customer(
        ref=refs.free(uow, REF_PREFIX, Customer.ref),
        name=person.name,
        email=person.email,
        phone=person.phone,
        locale=person.locale,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.session.add(customer)
    uow.session.flush()
    uow.record(CustomerCreated(customer.id, actor))
    return customer


def _fill_gaps(uow: UnitOfWork, customer: Customer, person: Person) -> None:
    """Take over what we lack; what we hold was known first and is changed by staff or a proof."""
    proven = {key.kind for key in person.keys if key.proven and person.replaces}
    news = {
        "name": person.name if not customer.name or rules.is_invented_name(customer.name) else None,
        "email": person.email if not customer.email or EMAIL in proven else None,
        "phone": person.phone if not customer.phone or PHONE in proven else None,
        "locale": person.locale if not customer.locale else None,
    }
    for name, value in news.items():
        if value and value != getattr(customer, name):
            setattr(customer, name, value)
            customer.updated_at = uow.now


def _shows(customer: Customer, key: Key) -> bool:
    """Whether this is the address or number that stands in the customer's record."""
    if key.kind == EMAIL:
        shown = customer.email and rules.email_key(customer.email, proven=True)
    else:
        shown = customer.phone and rules.phone_key(customer.phone, proven=True)
    return bool(shown) and shown.value == key.value


def _remember(uow: UnitOfWork, customer: Customer, key: Key) -> None:
    """Keep the key. A proof of a value that another customer has proven stays theirs."""
    owner = _owner_of(uow, key) if key.proven else None
    proven = key.proven and (owner is None or owner.id == customer.id)
    statement = insert(CustomerKey).values(
        customer_id=customer.id,
        kind=key.kind,
        value=key.value,
        is_proven=proven,
        created_at=uow.now,
    )
    uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "value", "customer_id"],
            set_={"is_proven": or_(CustomerKey.is_proven, statement.excluded.is_proven)},
        )
    )
    if proven and key.kind in (EMAIL, PHONE):
        uow.record(AddressProven(customer.id, SYSTEM, key.kind))


def _holders(
    uow: UnitOfWork, customer: Customer, keys: tuple[Key, ...]
) -> tuple[dict[tuple[str, str], bool], list[tuple[int, str]]]:
    """Which of the keys the customer has, and whether proven; and who else has one of them."""
    is_theirs = CustomerKey.customer_id == customer.id
    rows = uow.session.execute(
        select(CustomerKey.customer_id, CustomerKey.kind, CustomerKey.value, CustomerKey.is_proven)
        .join(Customer, Customer.id == CustomerKey.customer_id)
        .where(
            tuple_(CustomerKey.kind, CustomerKey.value).in_(
                [(key.kind, key.value) for key in keys]
            ),
            is_theirs | Customer.merged_into_id.is_(None),
        )
        .order_by(is_theirs.desc(), CustomerKey.id)
        .limit(len(keys) + MOST_OTHERS)
    ).all()
    known = {(kind, value): proven for who, kind, value, proven in rows if who == customer.id}
    return known, [(who, kind) for who, kind, _, _ in rows if who != customer.id]
