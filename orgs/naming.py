"""What an organization or a project may be called: a line that reads as it is stored."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from accounts.names import CONTROLS, HIDDEN

_LINKING = re.compile(r"(?<=[.:/@])(?=\S)")

# First parts of our own addresses, and names that hosts have: an organization's slug may become part of either.
RESERVED = frozenset(
    """
    _ about abuse access account accounts admin administrator admins api app apple-touch-icon apps assets audit
    auth autoconfig autodiscover beta billing blog cdn changelog chat community contact crossdomain dashboard
    demo dev dns docs documentation download email embed error example faq favicon features feed files ftp go
    graphql health healthz help hook hooks host hostmaster i18n id imap info inbox internal invitations invite
    jobs legal live llms local localhost login logout mail manifest mcp me media metrics mobile monitor new news
    null ns1 ns2 o oauth official open operator operators org organization organizations payment payments ping
    pop postmaster press pricing privacy prompter public readyz register robots root rss sales schema search
    secure security server settings shop signin signout signup sitemap smtp social spam staff staging start
    static stats status stream stripe superuser support sysadmin system team terms test undefined unsubscribe
    upload uploads user users v1 v2 webhook webhooks webmaster well-known ws www
    """.split()  # noqa: SIM905
)


class UnfitName(ValueError):
    """A name that nothing can have."""


def clean_title(value: str) -> str:
    """One line, single spaces, nothing hidden, with a letter or digit in it."""
    if "\0" in value:
        raise UnfitName(_("The name contains a NUL character."))
    name = " ".join(CONTROLS.sub(" ", HIDDEN.sub("", value)).split())
    if not any(character.isalnum() for character in name):
        raise UnfitName(_("Give it a name with a letter or a digit in it."))
    return name


def unlinked(name: str) -> str:
    """A name as a mail to strangers repeats it: mail programs make links of what looks like one, and a word joiner,
    which nobody sees, keeps them from it."""
    return _LINKING.sub("\u2060", name)
