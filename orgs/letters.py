"""Letters that tell one event to one person: kept with the notification, in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.mail import send, site_link
from accounts.preferences import as_read_by
from orgs.events import declared
from orgs.sentences import link_of, plain, sentence_of
from orgs.unsubscribing import address_for, headers_for

if TYPE_CHECKING:
    from accounts.models import User
    from orgs.models import Event
    from orgs.topics import Topic


class Letter:
    """The details of one event are looked up once a language, however many get the letter."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.declared = declared()[event.name]
        self._details: dict[str, dict[str, Any]] = {}

    def write(self, user: User, topic: Topic, *, is_member: bool) -> None:
        """Expects the event's organization, actor and impersonator."""
        event, org = self.event, self.event.org
        unsubscribe = address_for(org.pk, user.pk, topic)
        with as_read_by(user):
            link = link_of(event, org.slug) or reverse("notifications", args=[org.slug])
            context = {
                **self._detailed(),
                "org_name": plain(org.name),
                "sentence": sentence_of(event, to=user.pk),
                "topic": topic.label,
                "unsubscribe_url": unsubscribe,
                "action_url": site_link(link) if is_member and org.is_open else "",
                "action_label": _("See it in Prompter"),
            }
            send(self.declared.letter, to=user, context=context, headers=headers_for(unsubscribe))

    def _detailed(self) -> dict[str, Any]:
        language = get_language() or ""
        if language not in self._details:
            self._details[language] = self.declared.details(self.event) if self.declared.details else {}
        return self._details[language]
