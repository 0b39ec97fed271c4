"""Pages for people: what goes on, and what they may do about it. Rendered here, alive by polling."""
