"""The link in a letter that ends letters of its kind, for whoever holds it, without signing in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core import signing
from django.urls import reverse

from accounts.mail import site_link
from orgs.topics import Topic, topics

_SALT = "orgs.unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a link in a mail ends."""

    org_id: int
    user_id: int
    topic: Topic


def address_for(org_id: int, user_id: int, topic: Topic) -> str:
    return site_link(reverse("unsubscribe", args=[token_for(org_id, user_id, topic)]))


def headers_for(address: str) -> Mapping[str, str]:
    """RFC 8058: the reader's mail program unsubscribes by one POST, without asking them to sign in."""
    return {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def token_for(org_id: int, user_id: int, topic: Topic) -> str:
    return signing.dumps([org_id, user_id, topic.key], salt=_SALT)


def subscription_of(token: str) -> Subscription | None:
    """None where the link is not ours, or names what is no topic any more."""
    try:
        org_id, user_id, key = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    topic = topics().get(key)
    return Subscription(org_id=org_id, user_id=user_id, topic=topic) if topic else None
