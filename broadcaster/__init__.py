"""Approved messages go out on schedule, once, and the ledger proves it."""
