"""Money received: the ledger, payments, attempts to pay by card, and the port to a provider."""
