"""Replication: the same images here and in other registries. Next: `replicator` runs it; `push` and
`pull` copy a tag; `line` reads the log of changes.
"""
