"""The subset of Chatwoot's REST API that the sandbox answers, one module per resource."""

from . import (  # noqa: F401  (importing a module registers its routes)
    apps,
    bots,
    contacts,
    conversations,
    definitions,
    inboxes,
    messages,
    people,
    root,
    shortcuts,
    webhooks,
)
from .base import blueprint

__all__ = ["blueprint"]
