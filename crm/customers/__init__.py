"""Customers: who they are, by which keys we know them, and how two records become one."""
