"""What Chatwoot does with contacts, conversations and messages, apart from HTTP."""
