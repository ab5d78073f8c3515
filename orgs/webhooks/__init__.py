"""Telling an organization's own systems of events: Standard Webhooks (standardwebhooks.com), signed and retried."""
