"""The service's figures, each measured by a run that anyone can repeat: `python -m bench`.

Every bench starts its own stores and processes in a temporary directory and removes them again.
What the figures mean and the last ones taken are in `docs/figures.md`.
"""
