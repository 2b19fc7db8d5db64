"""The /v2/ API: the OCI Distribution Specification, and what Docker's clients expect beside it.

A request is parsed once (`router`), a handler looks up and answers (`manifests`, `blobs`,
`uploads`, `lists`), `api` puts the two together and tells every error the spec's way.
"""
