"""What the public pages say the product does. A sentence here is true of the code beside it, or it goes."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    asked: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureGroup:
    key: str
    title: str
    features: tuple[Feature, ...]


def questions() -> tuple[Question, ...]:
    return (
        Question(
            asked=_("Which assistants does it ask?"),
            answer=_(
                "Models of OpenAI, Anthropic, Google and Perplexity through their APIs, with web search or without,"
                " and any server that speaks OpenAI's protocol. An assistant's own app may answer differently from its"
                " API, and every number says which engine it was measured on."
            ),
        ),
        Question(
            asked=_("Why is every number shown with an interval?"),
            answer=_(
                "Assistants answer differently each time, and a handful of prompts stands for a whole market. The"
                " interval says how far the true value may be from the measured one. Without it, a change of five"
                " points may be nothing but chance."
            ),
        ),
        Question(
            asked=_("What does a scan cost?"),
            answer=_(
                "What the providers charge for the answers. The screen says how much before a scan starts, and every"
                " answer keeps its tokens and its price. With your own keys you pay the providers directly."
            ),
        ),
        Question(
            asked=_("Can I try it without a provider key?"),
            answer=_(
                "Yes. A simulator that comes with Prompter answers in place of the providers. Its numbers are"
                " labelled simulated on every screen, because they say nothing about a real assistant."
            ),
        ),
        Question(
            asked=_("Where does my data live?"),
            answer=_(
                "In the Postgres database of the installation. Prompts go to the providers whose engines you choose,"
                " and nowhere else. Pages load nothing from other hosts, and there is no tracking."
            ),
        ),
        Question(
            asked=_("Is it free?"),
            answer=_(
                "The software is open source under the MIT licence. Running it yourself costs nothing and has no"
                " limits."
            ),
        ),
    )


def features() -> tuple[FeatureGroup, ...]:
    return (_asking(), _measuring(), _reading(), _teamwork(), _safety(), _running())


def _asking() -> FeatureGroup:
    return FeatureGroup(
        key="ask",
        title=_("Ask what your customers ask"),
        features=(
            Feature(
                title=_("Prompts"),
                text=_(
                    "Track questions with tags, country and language. Type them, paste a list, or import a CSV with a"
                    " report for every line. Prompts that name a brand are told apart and measured apart."
                ),
            ),
            Feature(
                title=_("Suggestions to start from"),
                text=_(
                    "From your name and domain an engine suggests competitors and prompts. You keep, change or drop"
                    " each one."
                ),
            ),
            Feature(
                title=_("Engines"),
                text=_(
                    "Models of OpenAI, Anthropic, Google and Perplexity, with web search or without, and any"
                    " compatible server. Bring your own keys, or use those of the installation."
                ),
            ),
            Feature(
                title=_("Schedules"),
                text=_(
                    "Let a project scan itself every day, every week or by a cron expression, in your time zone, and"
                    " follow the course over its scans."
                ),
            ),
            Feature(
                title=_("Scans you can watch"),
                text=_(
                    "See the price before you start, and the answers as they arrive. Cancel a scan, retry what"
                    " failed, close the tab: no answer is lost, and none is stored twice."
                ),
            ),
        ),
    )


def _measuring() -> FeatureGroup:
    return FeatureGroup(
        key="measure",
        title=_("Numbers that say how sure they are"),
        features=(
            Feature(
                title=_("Visibility"),
                text=_("In how many answers you are named, for each engine and over all of them."),
            ),
            Feature(
                title=_("Share of voice and position"),
                text=_("How often you are named beside your competitors, and how early."),
            ),
            Feature(
                title=_("Intervals and sample sizes"),
                text=_(
                    "Each estimate has its n and its 95 % interval, drawn over prompts, because answers to one prompt"
                    " resemble each other."
                ),
            ),
            Feature(
                title=_("Unknown is not no"),
                text=_(
                    "An answer that failed counts nowhere. An answer that was cut off before it could name you is"
                    " unknown, and the number left out is shown."
                ),
            ),
        ),
    )


def _reading() -> FeatureGroup:
    return FeatureGroup(
        key="read",
        title=_("Every answer, kept whole"),
        features=(
            Feature(
                title=_("Brands marked in place"),
                text=_(
                    "Names, aliases and domains are found in any script. A brand inside a longer word is not a"
                    " mention. Change a brand, and the stored answers are searched again."
                ),
            ),
            Feature(
                title=_("Sources"),
                text=_(
                    "Which pages an answer cites, which domains are cited most, and how often they are yours or a"
                    " competitor's."
                ),
            ),
            Feature(
                title=_("What it rests on"),
                text=_("The exact model, the time it took, the tokens and the price stand beside each answer."),
            ),
        ),
    )


def _teamwork() -> FeatureGroup:
    return FeatureGroup(
        key="team",
        title=_("Made for teams"),
        features=(
            Feature(
                title=_("Organizations and roles"),
                text=_(
                    "Owner, admin, member and viewer. Invite people by e-mail, belong to several organizations, and"
                    " switch between them."
                ),
            ),
            Feature(
                title=_("Audit log"),
                text=_(
                    "Who did what, when and from where. The database itself refuses to change or delete a row of it."
                    " Admins can filter it and take it with them as CSV."
                ),
            ),
            Feature(
                title=_("Notifications"),
                text=_("In the product and by e-mail. Everyone chooses what they hear of, and how."),
            ),
            Feature(
                title=_("Keyboard, dark mode, every screen size"),
                text=_(
                    "A command palette for everything, light and dark by choice or by system, and pages that work on"
                    " a phone and without JavaScript."
                ),
            ),
        ),
    )


def _safety() -> FeatureGroup:
    return FeatureGroup(
        key="safety",
        title=_("Kept apart and kept safe"),
        features=(
            Feature(
                title=_("Three walls between organizations"),
                text=_(
                    "Queries that refuse to run without an organization, row-level security in Postgres, and keys"
                    " that cannot point across. Each holds when another fails."
                ),
            ),
            Feature(
                title=_("Sign-in"),
                text=_(
                    "Authenticator apps, passkeys and recovery codes, Google and OpenID Connect, sessions you can end"
                    " from afar, and no passwords that are known from breaches."
                ),
            ),
            Feature(
                title=_("Secrets"),
                text=_("Provider keys are encrypted at rest and never shown again."),
            ),
            Feature(
                title=_("A strict content policy"),
                text=_("Pages run no inline script and load nothing from other hosts."),
            ),
        ),
    )


def _running() -> FeatureGroup:
    return FeatureGroup(
        key="run",
        title=_("Yours to run"),
        features=(
            Feature(
                title=_("Two commands"),
                text=_(
                    "One starts everything on a machine with Python, database included. The other runs the whole test"
                    " suite."
                ),
            ),
            Feature(
                title=_("An ordinary stack"),
                text=_(
                    "Postgres, Redis, a web process, a worker and a scheduler. Everything is set by environment"
                    " variables."
                ),
            ),
            Feature(
                title=_("API and command line"),
                text=_(
                    "A documented REST API over the same data and permissions, and commands for scans and operations."
                ),
            ),
            Feature(
                title=_("Open source"),
                text=_("MIT licence. The decisions behind it are written down beside the code."),
            ),
        ),
    )
