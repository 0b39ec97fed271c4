"""What is counted and measured, and whether this host and the service are well."""
