"""Signatures of images: where they lie, whose they are, and what they are bound to."""
