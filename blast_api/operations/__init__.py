"""What an operator does to the rows and the logs, by the commands: nothing here runs by itself."""
