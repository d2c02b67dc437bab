"""HTTP: the lane, the application, and the process around both."""
