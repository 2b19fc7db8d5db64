"""Tags read as versions: their order, ranges, channels, and what may be promoted."""
