"""Backups: all of a registry at another place, as files that can be read without us.

    blobs/sha256/ab12…            all content, of all backups, each digest once
    backups/ID/backup.json        what the backup is, with the checksums of its files; comes last
    backups/ID/oci-layout, index.json   an OCI image layout over those blobs
    parts/ab12….jsonl             everything else: rows of tables, each part once
    damaged/NAME                  a file that is not as it was written
    working/NAME                  somebody makes a backup, or prunes

No file is ever changed, and a backup is one once its `backup.json` is there. docs/backup.md has
the form for people. Next: `create`, `restore`.
"""
