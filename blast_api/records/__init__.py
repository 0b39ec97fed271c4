"""Call, blast and recording-call records: what they say, and how each gets into its log, exactly one JSON line each."""
