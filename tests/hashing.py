"""Passwords of tests cost next to nothing to hash: as users' they take a quarter of a second of CPU
each, which tests would spend on little else.

It is imported before what hashes. What is started afresh hashes as users' registries do.
"""

import functools
import sys

import argon2

assert "entrepot.auth.passwords" not in sys.modules, "it has its hasher already"

argon2.PasswordHasher = functools.partial(  # type: ignore[misc,assignment]
    argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1
)
