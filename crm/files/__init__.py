"""Files of repairs and tickets: photos re-encoded without their hidden data, and PDFs as sent."""
