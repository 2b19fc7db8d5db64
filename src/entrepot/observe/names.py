"""Names of metrics that commands write, which do not serve them."""

BACKUP_AT = "entrepot_backup_timestamp_seconds"
