"""What differs between two images of a repository.

`inspection` fetches what the registry has of each, `image` and `packages` read it, `comparison`
says what differs. What somebody pushed may be anything: it is read within bounds.
"""
