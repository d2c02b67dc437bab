"""Backups of databases and volumes of a cluster, and the way back (https://restic.readthedocs.io)."""
