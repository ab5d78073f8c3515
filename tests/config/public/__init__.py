"""The site as strangers see it."""
