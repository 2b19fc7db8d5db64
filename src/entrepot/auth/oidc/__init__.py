"""What other identity providers say: workloads' tokens, and single sign-on of people."""
