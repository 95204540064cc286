"""Where quotes, invoices and payments meet the repair they are for, and its customer."""
