"""Whether this process is alive, whether it should get requests, and how its services are."""
