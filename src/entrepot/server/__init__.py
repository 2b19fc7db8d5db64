"""The server's room: how bytes on a socket become ASGI and back.

It knows nothing of registries; `protocol.RegistryProtocol` is the door.
"""
