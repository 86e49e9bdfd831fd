"""What a user runs, each file readable as a runbook, and the steps they are made of."""
