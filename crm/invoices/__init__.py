"""Invoices, credit notes and receipts: numbered without gaps, frozen at issue, drawn as PDF once."""
