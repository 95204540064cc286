"""Text messages: how long, how dear, to whom never again, and which templates WhatsApp allows."""
