"""Webhooks: changes are told to whoever asked for it, at least once, in order per repository.

`sender` reads the log and sends, `message` writes what is sent, `signature` signs it.
"""
