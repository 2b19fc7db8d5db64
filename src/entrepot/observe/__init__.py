"""What the registry lets be seen from outside: metrics, the access log, errors, health."""
