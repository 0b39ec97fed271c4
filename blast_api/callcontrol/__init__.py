"""The carrier's face: it asks what to do next with a call, and reports what happened."""
