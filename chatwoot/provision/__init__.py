"""Brings a Chatwoot account in line with the manifest; safe to run any number of times.

`plan` reads and reports, `apply` also writes what differs. Both adopt what is already there by
its natural key, never delete, and touch nothing the manifest does not name. Storing what was
learned is the caller's business.
"""

from chatwoot.provision.manifest import SHIPPED, Manifest, load_manifest
from chatwoot.provision.run import Change, Learned, apply, plan

__all__ = ["SHIPPED", "Change", "Learned", "Manifest", "apply", "load_manifest", "plan"]
