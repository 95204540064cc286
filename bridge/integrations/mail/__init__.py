"""E-mail to customers by SMTP, and what comes back of it."""
