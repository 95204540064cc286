"""Every table of every floor, gathered so that the models can be compared with the schema."""

import chatwoot.models
import crm.agreements.models
import crm.analytics.models
import crm.bookings.models
import crm.catalog.models
import crm.core.audit
import crm.core.events
import crm.core.idempotency
import crm.core.inbox
import crm.core.outbox
import crm.core.reconciling
import crm.core.vault
import crm.customers.models
import crm.disputes.models
import crm.expenses.models
import crm.files.models
import crm.followups.models
import crm.intake.models
import crm.invoices.models
import crm.loans.models
import crm.locations.models
import crm.mailboxes.models
import crm.notices.models
import crm.notifications.models
import crm.passcodes.models
import crm.payments.models
import crm.payments.refund_models
import crm.portal.models
import crm.privacy.models
import crm.promises.models
import crm.quotes.models
import crm.repairs.models
import crm.replies.models
import crm.staff.models
import crm.staff.technician_models
import crm.subscriptions.models
import crm.texting.models
import crm.tickets.models
import crm.unclaimed.models
import crm.warranties.models
import jobs.destinations
import jobs.scheduler
from crm.core.db import Base

metadata = Base.metadata
