"""JSON shapes: `push` for webhooks, `rest` for the API, `settings` for account settings."""
