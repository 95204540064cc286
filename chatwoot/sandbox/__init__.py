"""A stand-in Chatwoot with its REST API, its webhooks and switches for faults."""

from .app import create_sandbox

__all__ = ["create_sandbox"]
