"""What search engines read: schema.org data as a block of JSON, which is no script to the content policy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from billing import plans
from config.public.claims import Question
from config.public.frame import address

# What could end the block or start a comment in it, as Django's json_script escapes it.
_ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


def script(*things: dict[str, Any]) -> SafeString:
    body = json.dumps({"@context": "https://schema.org", "@graph": things}, ensure_ascii=False).translate(_ESCAPES)
    return format_html('<script type="application/ld+json">{}</script>', mark_safe(body))  # noqa: S308 - escaped above


def application(description: str) -> dict[str, Any]:
    return {
        "@type": "SoftwareApplication",
        "name": "Prompter",
        "applicationCategory": "BusinessApplication",
        "operatingSystem": "Web, Linux, macOS",
        "description": description,
        "url": address("/"),
        "license": "https://opensource.org/license/mit",
        "offers": [
            {
                "@type": "Offer",
                "name": str(plans.SELF_HOSTED.name),
                "price": str(plans.SELF_HOSTED.price),
                "priceCurrency": plans.CURRENCY,
            }
        ],
    }


def faq_page(questions: Iterable[Question]) -> dict[str, Any]:
    return {
        "@type": "FAQPage",
        "mainEntity": [
            {"@type": "Question", "name": one.asked, "acceptedAnswer": {"@type": "Answer", "text": one.answer}}
            for one in questions
        ],
    }
