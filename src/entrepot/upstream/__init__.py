"""Images outside of this registry: in other registries, in folders, in archives; copied between."""
