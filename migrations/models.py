"""Every table of every floor, gathered so that the models can be compared with the schema."""

import chatwoot.models
import crm.core.audit
import crm.core.events
import crm.core.idempotency
import crm.core.inbox
import crm.core.outbox
import crm.core.vault
import crm.customers.models
import crm.notifications.models
import crm.repairs.models
import crm.staff.models
import crm.tickets.models
import jobs.destinations
import jobs.scheduler  # noqa: F401
from crm.core.db import Base

metadata = Base.metadata
