"""Service logs: what may stand in them, and the file that they go to."""
