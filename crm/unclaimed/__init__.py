"""Devices that are ready and that nobody collects."""
