"""What another owner of the workload is told, and what it may do."""
