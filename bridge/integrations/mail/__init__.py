"""E-mail to customers by SMTP; nothing is received."""
