"""The rules. They know rows and time, and nothing of HTTP, DRF or XML; every change of status is a guarded move."""
