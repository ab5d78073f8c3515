"""What the matching rules say of a brand's name when somebody types it."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext as _

from prompts.brand_names import NameVerdict, name_given
from scans.brand_names import counts_only_as_written, is_legal_form, spellings, validate_name
from scans.folding import fold


@receiver(name_given, dispatch_uid="scans.naming")
def judge(*, name: str, **_: Any) -> NameVerdict:
    problem = validate_name(name)
    if problem:
        return NameVerdict(problem=problem)
    return NameVerdict(caution=_caution(name), spellings=frozenset(fold(one).text.strip() for one in spellings(name)))


def _caution(name: str) -> str:
    if is_legal_form(name):
        return _("“%(name)s” is also a legal form: behind another company's name it does not count.") % {"name": name}
    if counts_only_as_written(name):
        return _("“%(name)s” is short or an ordinary word: it counts only where it is written so.") % {"name": name}
    return ""
