"""One folder per outside party beside Chatwoot, all with the same file names."""
