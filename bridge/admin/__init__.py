"""/admin: how the service is doing, the rows that wait for a person, and the jobs of the bench.

Works without script.
"""

from bridge.admin import repairs
from bridge.admin.views import blueprint

__all__ = ["blueprint", "repairs"]
