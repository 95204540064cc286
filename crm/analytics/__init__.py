"""How the bench works: who did which step, and how long things take."""
