"""The repair shop's rules and services. Knows nothing of HTTP, Chatwoot or any other outside party."""
