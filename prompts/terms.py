"""What the words on the screens mean, in a sentence or two; `docs/metrics.md` has the whole definition."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """`anchor` is the heading of `docs/<page>.md` that says more."""

    name: str | Promise
    question: str | Promise
    text: str | Promise
    page: str = "metrics"
    anchor: str = ""


TERMS = {
    "visibility": Term(
        name=_("Visibility"),
        question=_("What does visibility mean?"),
        text=_(
            "The answers that name your brand, out of all answers to prompts that do not name it themselves. Answers"
            " that failed count nowhere; one that was cut off before it could name you is left out."
        ),
        anchor="the-measures",
    ),
    "share_of_voice": Term(
        name=_("Share of voice"),
        question=_("What does share of voice mean?"),
        text=_(
            "The answers that name a brand, out of the namings of all tracked brands together. The shares add up to the"
            " whole, so they change when you add or remove a brand; visibility does not."
        ),
        anchor="the-measures",
    ),
    "interval": Term(
        name=_("Interval and n"),
        question=_("What do the interval and n mean?"),
        text=_(
            "n is the number of answers behind a number. The interval holds the true value with 95 percent confidence,"
            " given how few prompts were asked. Where two intervals overlap, a difference may be chance. More prompts"
            " make it narrower."
        ),
        anchor="intervals",
    ),
    "economy": Term(
        name=_("Economy mode"),
        question=_("What did economy mode save?"),
        text=_(
            "The difference between what answers cost in their providers' batches and what the same tokens cost live."
            " Web searches cost the same in both. An answer that was asked live as well saves nothing."
        ),
        page="economy-mode",
        anchor="what-it-costs-exactly",
    ),
    "position": Term(
        name=_("Place among brands"),
        question=_("What does the place mean?"),
        text=_("How many tracked brands are named in more answers. Brands with as many answers share a place."),
        anchor="the-measures",
    ),
    "branded": Term(
        name=_("Branded prompts"),
        question=_("What are branded prompts?"),
        text=_(
            "A question that names a brand invites an answer that names it back. Such prompts are measured apart, and"
            " no other number counts them."
        ),
        anchor="what-is-counted",
    ),
    "surface": Term(
        name=_("Surface"),
        question=_("What is a surface?"),
        text=_(
            "What is measured of an engine: the model alone, which knows what it learned, or the model after it"
            " searched the web. An assistant's own app may answer differently from both."
        ),
        page="glossary",
    ),
    "sample": Term(
        name=_("Samples"),
        question=_("What are samples?"),
        text=_(
            "How often each prompt is put to each engine in one scan. Assistants answer differently each time; further"
            " samples narrow the interval only so far, further prompts narrow it more."
        ),
        anchor="intervals",
    ),
    "mention": Term(
        name=_("Mentions"),
        question=_("When does a mention count?"),
        text=_(
            "A brand counts where its name, an alias or its domain stands as a word of its own, in any script. Inside"
            " a longer word or an address it does not count. Short or ordinary names count only as they are written."
        ),
        anchor="mentions",
    ),
    "citation": Term(
        name=_("Citations"),
        question=_("What is a citation?"),
        text=_(
            "A page that an answer names as its source. Pages that an engine only looked at are listed and not counted."
            " A citation is yours where its address belongs to one of your brand's domains."
        ),
        anchor="citations",
    ),
    "failed": Term(
        name=_("Failed answers"),
        question=_("What happens to failed answers?"),
        text=_(
            "They are in no numerator and in no denominator, as if they had not been asked. They can be asked again,"
            " and the numbers are counted anew."
        ),
        anchor="what-is-counted",
    ),
}
