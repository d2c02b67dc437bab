"""What the image is made of, under which licences, and which known vulnerabilities are borne with for how long."""
