"""The controller: what it watches in a cluster, and what it keeps so."""
