"""Entrepot: an image registry for Kubernetes.

The rooms of the house and the arrows between them are described in ARCHITECTURE.md.
"""

__version__ = "0.1.0"
