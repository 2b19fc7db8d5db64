"""Encryption at rest, as values: master keys, envelopes around small values, segments of objects.

A master key never touches an object: each object has a data key of its own, which lies in the
database in an envelope. So changing the master key is closing envelopes anew.
"""
