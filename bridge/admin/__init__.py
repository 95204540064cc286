"""/admin: how the service is doing, the rows that wait for a person, the jobs of the bench, and what
customers are written.

Works without script.
"""

from bridge.admin import messages, notices, repair_messages, repairs
from bridge.admin.views import blueprint

__all__ = ["blueprint", "messages", "notices", "repair_messages", "repairs"]
