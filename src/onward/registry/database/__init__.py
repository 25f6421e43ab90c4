"""The two databases beneath the record: tables, roles, upgrades, backups."""
