"""Entrepot and its peers, measured side by side on one machine: ``python -m benchmarks``.

Ratios to a peer from the same run mean something on any machine; absolute figures only on the
one that made them. So every figure is taken in rounds, a case at a time, each peer in turn.
`cases` says what is measured, `bars` what is expected of it, `report` writes docs/benchmarks.md.
"""

import os

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
"""Servers and commands find what Python compiled, as a user's do, however this one was started."""
