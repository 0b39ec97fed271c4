"""Requests that nobody of good will sends, and all others: by the thousand, made from the document and from nothing."""
