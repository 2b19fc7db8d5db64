"""The metadata in PostgreSQL, for several replicas. Imported only where it is set up.

`connection` speaks the language of `db.connection`; `server` makes connections and the schema;
`writer` and `listener` keep the promises of the log; `database` puts them together.
"""
