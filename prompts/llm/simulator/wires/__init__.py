"""One module per wire protocol: how a provider reads requests and words its answers and errors."""
