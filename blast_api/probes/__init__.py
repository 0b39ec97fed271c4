"""The operator's face: what probes and monitors ask. No token, and nothing secret."""
