"""Operators' own pages beside the admin: the health of queues, lanes, workers and services."""
