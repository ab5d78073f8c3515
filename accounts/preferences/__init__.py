"""How each person reads the product: language, time zone and number format."""

from accounts.preferences.middleware import Preferences
from accounts.preferences.reading import Reading, as_read_by

__all__ = ["Preferences", "Reading", "as_read_by"]
