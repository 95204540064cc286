"""`/track`: a repair as its owner sees it, live, offline, or by a typed reference."""
