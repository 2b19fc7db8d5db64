"""SQL in, domain values out: one file per noun, and the log of changes.

Reads run on the event loop, by primary key, in microseconds. Writes go to the one writer of the
process, which commits what has gathered in one transaction (`db.writer`).
"""
