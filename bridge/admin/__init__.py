"""/admin: how the service is doing, and the rows that wait for a person. Works without script."""

from bridge.admin.views import blueprint

__all__ = ["blueprint"]
