"""Postgres, webhooks, keys and settings: everything that touches the world."""
