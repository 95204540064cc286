"""The ground floor: unit of work, inbox, outbox, events, errors and small value types."""
