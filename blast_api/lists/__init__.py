"""Lists as files: a CSV or XLSX of any make becomes recipients, each with its line; no rows."""
