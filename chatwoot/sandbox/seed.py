"""What a sandbox holds at its first start: one account, an administrator and an agent."""

from __future__ import annotations

from .site import new_secret
from .store import Row, Store


def new_agent(store: Store, name: str, email: str, role: str, *, confirmed: bool = True) -> Row:
    return store.insert(
        "agent",
        {
            "name": name,
            "email": email,
            "role": role,
            "availability": "online",
            "auto_offline": not confirmed,
            "confirmed": confirmed,
            "access_token": new_secret(),
            "pubsub_token": new_secret(),
        },
    )


def seed(store: Store) -> None:
    """Fill an empty store; a filled one stays as it is."""
    with store.transaction():
        if store.all("account"):
            return
        store.insert("account", {"name": "Mendline demo shop"})
        new_agent(store, "Dana Admin", "admin@example.test", "administrator")
        new_agent(store, "Tom Reyes", "tom@example.test", "agent")
