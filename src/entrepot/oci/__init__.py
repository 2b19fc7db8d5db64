"""What the OCI specifications define, as values: pure, no I/O, imported by every other room."""
