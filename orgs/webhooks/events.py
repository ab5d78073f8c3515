"""What members are told of their organization's webhooks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from orgs.events import Declared, declare
from orgs.roles import Permission
from orgs.topics import Topic, declare_topics

_ENDPOINT = ("webhook", "target_id")

declare_topics(
    Topic(
        key="webhooks",
        label=_("Webhooks"),
        help=_("One was switched off because its receiver did not answer for days, or said that it is gone."),
        permission=Permission.WEBHOOKS_MANAGE,
        email=True,
    )
)
declare(
    {
        "webhook.added": Declared(
            meaning=_("A webhook was added"), sentence=_("{actor} added the webhook {target}"), link=_ENDPOINT
        ),
        "webhook.changed": Declared(
            meaning=_("A webhook was changed"), sentence=_("{actor} changed the webhook {target}"), link=_ENDPOINT
        ),
        "webhook.rotated": Declared(
            meaning=_("A webhook got a new secret"),
            sentence=_("{actor} gave the webhook {target} a new secret"),
            link=_ENDPOINT,
        ),
        "webhook.removed": Declared(
            meaning=_("A webhook was deleted"), sentence=_("{actor} deleted the webhook {target}")
        ),
        "webhook.disabled": Declared(
            meaning=_("A webhook was switched off"),
            sentence=_("{actor} switched the webhook {target} off"),
            link=_ENDPOINT,
        ),
        "webhook.enabled": Declared(
            meaning=_("A webhook was switched on again"),
            sentence=_("{actor} switched the webhook {target} on again"),
            link=_ENDPOINT,
        ),
        "webhook.given_up": Declared(
            meaning=_("A webhook was switched off by itself"),
            sentence=_("The webhook {target} was switched off: nothing sent to it arrives"),
            topic="webhooks",
            link=_ENDPOINT,
        ),
        "webhook.tested": Declared(
            meaning=_("A webhook was tested"), sentence=_("{actor} sent a test to the webhook {target}"), link=_ENDPOINT
        ),
        "webhook.resent": Declared(
            meaning=_("A delivery of a webhook was sent again"),
            sentence=_("{actor} sent a delivery to the webhook {target} again: {data.type}"),
            link=_ENDPOINT,
        ),
    }
)
