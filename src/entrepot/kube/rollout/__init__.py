"""A workload is brought to another image, watched, and taken back where it does not start."""
