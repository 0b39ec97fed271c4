"""The carrier: `client` speaks to it, `events` reads what it reports. Knows no rows."""
