"""Support tickets, their messages, and the conversations they mirror."""
