"""Work on what strangers send, in processes of its own."""
