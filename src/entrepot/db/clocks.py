"""Clocks: of times that lie ahead, which are waited for, and which were written by a clock that was
wrong for a moment. The latter would else hold things up for years.
"""

APART = 2 * 24 * 3600.0
"""Seconds that a time may lie further ahead than any that is waited for; clocks of replicas differ
by less.
"""
