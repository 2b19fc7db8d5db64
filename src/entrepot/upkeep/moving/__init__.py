"""Moving a whole registry to another database and another store.

Objects come first, while everything goes on; then the registry is frozen, what came meanwhile
follows, and the tables are copied from one state of the database. The target is marked as
unfinished until all of it was compared. Whatever is cut is run again: objects that are there stay,
tables begin anew. Next: `move` has the order of things, `objects` and `rows` copy.
"""
