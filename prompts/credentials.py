"""Provider keys: whose key a call is made with, and an organization's own keys, encrypted and never shown again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts import formats
from orgs import crypto
from orgs.events import emit
from orgs.telling import NOTHING, Explained, Sentence
from prompts.key_limits import UNSAID, limits_of
from prompts.llm import catalog
from prompts.llm.catalog import CompatibleServer, Engine
from prompts.llm.types import Credential, Provider
from prompts.models import ProviderKey

if TYPE_CHECKING:
    from accounts.models import User
    from orgs.models import Organization

MAX_KEY = 500
# Providers that an organization may bring its own key for. Compatible servers are the operator's alone: their
# address is fetched as it is.
OWN_KEY_PROVIDERS = (Provider.OPENAI, Provider.ANTHROPIC, Provider.GOOGLE, Provider.PERPLEXITY)

# Sent with org_id, provider, the credential as it was (None where it cannot be read) and whether another one replaces
# it; in the transaction that forgets it.
key_leaving = Signal()
# Sent with org_id: receivers return, by provider, how many answers wait in batches sent with the organization's key.
answers_in_batches = Signal()

_HINT_FROM = 12  # a shorter key would show too much of itself
_SIMULATOR_PATHS = {
    Provider.OPENAI: "/openai/v1",
    Provider.ANTHROPIC: "/anthropic",
    Provider.GOOGLE: "/google",
    Provider.PERPLEXITY: "/perplexity",
}


class RefusedKey(ValueError):
    """A pasted key that cannot be one. `message` is for people and never contains the key."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnreadableKey(Explained):
    """The organization's stored key cannot be decrypted any more."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(
            gettext_noop("The stored %(provider)s key can no longer be read. Enter it again under provider keys."),
            provider=provider.label,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """An engine as an organization sees it. `reason` says why it is not available and what to do, `notice` what to know
    before choosing it; `credential` is what it would be asked with."""

    engine: Engine
    available: bool
    simulated: bool = False
    reason: str = ""
    notice: str = ""
    credential: Credential | None = None


def credential_for(org_id: int, provider: Provider | str, *, server: str = "") -> Credential | None:
    """The key that calls of `org_id` are made with: its own, else the environment's, else the simulator's, else None.
    `server` names a compatible server. Call it inside an `org_scope`. Raises `UnreadableKey`."""
    provider = Provider(provider)
    own = ProviderKey.objects.for_org(org_id).filter(provider=provider.value).first()
    return _opened(own) if own else _shared(provider, server)


def credential_of(org_id: int, engine: Engine) -> Credential | None:
    """`credential_for`, for the provider and server of an engine."""
    return credential_for(org_id, engine.provider, server=engine.credential)


def shared_credential(engine: Engine) -> Credential | None:
    """The installation's own key for an engine, whatever keys organizations have."""
    return _shared(engine.provider, engine.credential)


def save_key(
    org: Organization | int, *, provider: Provider | str, api_key: str, actor: User | None = None
) -> ProviderKey:
    """Store an organization's own key in place of the one it had. Raises `RefusedKey`."""
    provider, api_key = _own_provider(provider), cleaned(api_key)
    org_id = org if isinstance(org, int) else org.pk
    uuid = uuid4()
    had = ProviderKey.objects.for_org(org_id).filter(provider=provider.value).first()
    mark = fingerprint(provider, api_key)
    if had and had.fingerprint != mark:
        _tell_that_it_leaves(had, replaced=True)
    row, _ = ProviderKey.objects.for_org(org_id).update_or_create(
        org_id=org_id,
        provider=provider.value,
        # A new uuid: a ciphertext of the old key, restored from anywhere, no longer opens in this row.
        defaults={
            "uuid": uuid,
            "ciphertext": crypto.encrypt(api_key, binding=_binding(uuid, org_id, provider)),
            "fingerprint": mark,
            "hint": api_key[-4:] if len(api_key) >= _HINT_FROM else "",
            "created_by": actor,
            "created_at": timezone.now(),
            # Another key may be of another account, of which nothing was said yet.
            **(UNSAID if had and had.fingerprint != mark else {}),
        },
    )
    changed = {"before": _shown(had) if had else None, "after": _shown(row)}
    emit(org_id, "provider_key.saved", actor=actor, target=row, data={"provider": provider.value}, **changed)
    return row


def remove_key(org: Organization | int, *, provider: Provider | str, actor: User | None = None) -> bool:
    """Forget an organization's own key; False when it had none."""
    provider = Provider(provider)
    org_id = org if isinstance(org, int) else org.pk
    row = ProviderKey.objects.for_org(org_id).filter(provider=provider.value).first()
    if row is None:
        return False
    data = {"provider": provider.value}
    emit(org_id, "provider_key.removed", actor=actor, target=row, before=_shown(row), data=data)
    _tell_that_it_leaves(row, replaced=False)
    row.delete()
    return True


def batched_answers(org_id: int) -> Counter[str]:
    """By provider, how many answers wait in batches that were sent with the organization's own key."""
    found: Counter[str] = Counter()
    for _receiver, counts in answers_in_batches.send(sender=ProviderKey, org_id=org_id):
        found.update(counts)
    return found


def _tell_that_it_leaves(row: ProviderKey, *, replaced: bool) -> None:
    try:
        credential: Credential | None = _opened(row)
    except UnreadableKey:
        credential = None
    provider = Provider(row.provider)
    key_leaving.send(sender=ProviderKey, org_id=row.org_id, provider=provider, credential=credential, replaced=replaced)


def _shown(row: ProviderKey) -> dict[str, str]:
    """All that may be told of a key: its last four characters, where it is long enough to spare them."""
    return {"key": f"\u2026{row.hint}"}


def cleaned(api_key: str) -> str:
    """A pasted key without the white space around it. Raises `RefusedKey`."""
    api_key = api_key.strip()
    if not api_key:
        raise RefusedKey(_("Paste the key: it is empty."))
    if len(api_key) > MAX_KEY:
        raise RefusedKey(_("This is too long for a key: at most %(most)s characters.") % {"most": MAX_KEY})
    # A key travels in an HTTP header: anything but visible ASCII was pasted along with it.
    if not all("!" <= character <= "~" for character in api_key):
        raise RefusedKey(_("The key has spaces, line breaks or other characters in it that no key has. Copy it again."))
    return api_key


def available_engines(org_id: int) -> tuple[EngineChoice, ...]:
    """Every engine, and whether `org_id` can ask it. One query; call it inside an `org_scope`."""
    own = {row.provider: row for row in ProviderKey.objects.for_org(org_id)}
    return tuple(_choice(engine, own) for engine in catalog.all_engines())


def unavailable_because(engine: Engine, credential: Credential | None) -> Sentence:
    """Why an engine cannot be asked with this credential, or nothing."""
    if credential is not None:
        return NOTHING
    return Sentence(
        gettext_noop(
            "No %(provider)s key is set. Add one under provider keys, or ask the operator of this installation."
        ),
        {"provider": engine.provider.label},
    )


def notice(engine: Engine) -> str:
    """What to know before choosing an engine that can be asked: the provider decides, not our calendar."""
    if engine.retires and engine.retired(timezone.now().date()):
        return _("%(provider)s announced the end of this model for %(day)s; calls may fail.") % {
            "provider": engine.provider.label,
            "day": formats.day(engine.retires, style="long_day"),
        }
    return ""


def fingerprint(provider: Provider, api_key: str, *, base_url: str = "") -> str:
    """A short name of a key, the same in every process of an installation, that tells nothing about it."""
    text = "\n".join((provider.value, base_url, api_key))
    return salted_hmac("prompts.credentials", text, algorithm="sha256").hexdigest()[:12]


def configure_catalog() -> None:
    """Offer the servers of `OPENAI_COMPATIBLE`. Raises `ImproperlyConfigured`."""
    try:
        catalog.configure(_server(entry) for entry in settings.OPENAI_COMPATIBLE)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ImproperlyConfigured(
            f'OPENAI_COMPATIBLE must be a JSON list of {{"name", "base_url", "model", "api_key"}}: {error}'
        ) from None


def _server(entry: Mapping[str, str]) -> CompatibleServer:
    return CompatibleServer(
        name=entry["name"], base_url=entry["base_url"], model=entry["model"], label=entry.get("label", "")
    )


def _choice(engine: Engine, own: Mapping[str, ProviderKey]) -> EngineChoice:
    row = own.get(engine.provider.value)
    try:
        credential = _opened(row) if row else _shared(engine.provider, engine.credential)
    except UnreadableKey as error:
        return EngineChoice(engine=engine, available=False, reason=error.message)
    reason = str(unavailable_because(engine, credential))
    simulated = credential is not None and credential.simulated
    told = "" if simulated else notice(engine)
    return EngineChoice(
        engine=engine, available=not reason, simulated=simulated, reason=reason, notice=told, credential=credential
    )


def _opened(row: ProviderKey) -> Credential:
    provider = Provider(row.provider)
    try:
        api_key = crypto.decrypt(row.ciphertext, binding=_binding(row.uuid, row.org_id, provider))
    except crypto.Undecipherable:
        raise UnreadableKey(provider) from None
    return Credential(provider=provider, id=f"own-{row.fingerprint}", api_key=api_key, limits=limits_of(row))


def _shared(provider: Provider, server: str) -> Credential | None:
    """The installation's own credential: from the environment, else the simulator's."""
    if provider is Provider.COMPATIBLE:
        return _of_server(server)
    api_key = getattr(settings, f"{provider.name}_API_KEY")
    if api_key:
        name = f"env-{provider.value}-{fingerprint(provider, api_key)}"
        return Credential(provider=provider, id=name, api_key=api_key)
    if settings.SIMULATOR_URL:
        root = settings.SIMULATOR_URL.rstrip("/")
        url = root + _SIMULATOR_PATHS[provider]
        return Credential(provider=provider, id=f"sim-{provider.value}", api_key="sim-key", base_url=url)
    return None


def _of_server(name: str) -> Credential | None:
    for entry in settings.OPENAI_COMPATIBLE:
        if entry["name"] == name:
            api_key, url = entry.get("api_key", ""), entry["base_url"]
            mark = fingerprint(Provider.COMPATIBLE, api_key, base_url=url)
            # Servers without a key still need one: the SDK refuses to start without.
            return Credential(
                provider=Provider.COMPATIBLE, id=f"env-{name[:20]}-{mark}", api_key=api_key or "none", base_url=url
            )
    return None


def _own_provider(provider: Provider | str) -> Provider:
    provider = Provider(provider)
    if provider not in OWN_KEY_PROVIDERS:
        raise RefusedKey(_("Only the operator of this installation sets up compatible servers."))
    return provider


def _binding(uuid: UUID, org_id: int, provider: Provider) -> crypto.Binding:
    return crypto.Binding(table=ProviderKey._meta.db_table, uuid=uuid, org_id=org_id, purpose=provider.value)
