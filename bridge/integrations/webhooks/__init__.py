"""Our events, posted to shop systems (Standard Webhooks)."""
