"""Addresses of shop systems that want to hear our events (Standard Webhooks)."""
