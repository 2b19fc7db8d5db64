"""Clouds: how one logs in at their registries, for upstreams and replications alike."""
