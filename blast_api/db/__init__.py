"""How we speak to the database, whichever it is."""
