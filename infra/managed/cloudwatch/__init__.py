"""CloudWatch alarms on what users feel, from the same objectives as the alerts in a cluster."""
