"""The applications' face: JSON over HTTP."""
