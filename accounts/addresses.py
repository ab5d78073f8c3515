"""E-mail addresses in the one form that they are stored and compared in.

Case never tells two people apart. Dots and plus signs do: what they mean is the mail server's affair. Letters beyond
ASCII in front of the @ are refused, because look-alikes of them are how one person passes for another; a domain is kept
in its ASCII form, in which look-alikes show.
"""

from __future__ import annotations

import idna
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

MAX_EMAIL = 254


def canonical(email: str) -> str:
    """Raises `ValidationError` where there is no such address."""
    local, at, domain = email.strip().rpartition("@")
    if not at or len(email) > MAX_EMAIL:
        raise ValidationError(_("An e-mail address has at most 254 characters and one @ in it."))
    if not local.isascii():
        raise ValidationError(_("Only plain letters, digits and signs can stand before the @ of an e-mail address."))
    found = f"{local}@{_ascii_domain(domain)}".lower()
    if len(found) > MAX_EMAIL:
        raise ValidationError(_("An e-mail address has at most 254 characters and one @ in it."))
    validate_email(found)
    return found


def canonical_or_same(email: str) -> str:
    """For looking somebody up: what is no address is nobody's."""
    try:
        return canonical(email)
    except ValidationError:
        return email.strip().lower()


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        written = idna.encode(domain, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValidationError(_("The domain of the e-mail address is not one.")) from error
    if "xn--" not in written.lower():  # fullwidth and other dressed-up letters that mean plain ones
        raise ValidationError(_("Write the domain of the e-mail address in plain letters."))
    return written
