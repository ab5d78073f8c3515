"""The site as strangers and search engines see it: front page, prices, documentation."""
