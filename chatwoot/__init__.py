"""Chatwoot: the largest integration. Everything known about it stays in this folder."""
