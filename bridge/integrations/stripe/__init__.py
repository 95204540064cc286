"""Card payments by Stripe: hosted checkout, its webhooks, refunds, and finding what got lost."""
