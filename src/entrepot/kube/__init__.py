"""Kubernetes: what its nodes and clusters need to pull from here."""
