"""Pure rules and facts: no rows, no input or output."""
