from dataclasses import replace
from uuid import uuid4

import pytest

from orgs.crypto import Binding, Undecipherable, decrypt, encrypt

SECRET = "sk-proj-0123456789"


@pytest.fixture
def binding():
    return Binding(table="prompts_providerkey", uuid=uuid4(), org_id=7, purpose="openai")


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.ENCRYPTION_KEYS = ["first key"]


def test_a_secret_comes_back_as_it_was(binding):
    assert decrypt(encrypt("pässwörd \N{KEY}", binding=binding), binding=binding) == "pässwörd \N{KEY}"


def test_the_stored_form_shows_nothing_of_the_secret(binding):
    stored = encrypt(SECRET, binding=binding)
    assert SECRET.encode() not in stored
    assert stored != encrypt(SECRET, binding=binding)


def test_what_the_database_returns_can_be_decrypted(binding):
    assert decrypt(memoryview(encrypt(SECRET, binding=binding)), binding=binding) == SECRET


@pytest.mark.parametrize(
    "moved",
    [{"table": "other"}, {"uuid": uuid4()}, {"org_id": 8}, {"purpose": "anthropic"}],
    ids=lambda m: next(iter(m)),
)
def test_a_secret_cannot_be_moved_to_another_row(binding, moved):
    with pytest.raises(Undecipherable):
        decrypt(encrypt(SECRET, binding=binding), binding=replace(binding, **moved))


def test_neighbouring_parts_of_a_binding_do_not_run_into_each_other(binding):
    one, other = replace(binding, org_id=1, purpose="1x"), replace(binding, org_id=11, purpose="x")
    with pytest.raises(Undecipherable):
        decrypt(encrypt(SECRET, binding=one), binding=other)


def test_every_altered_byte_is_noticed(binding):
    stored = encrypt(SECRET, binding=binding)
    for index in range(len(stored)):
        altered = bytearray(stored)
        altered[index] ^= 1
        with pytest.raises(Undecipherable):
            decrypt(bytes(altered), binding=binding)


@pytest.mark.parametrize("stored", [b"", b"\x01", b"\x02" + bytes(60), b"sk-in-the-clear-0123456789-0123456789"])
def test_anything_else_is_refused_clearly(binding, stored):
    with pytest.raises(Undecipherable, match="format"):
        decrypt(stored, binding=binding)


def test_after_a_rotation_old_secrets_open_and_new_ones_use_the_new_key(binding, settings):
    old = encrypt(SECRET, binding=binding)
    settings.ENCRYPTION_KEYS = ["second key", "first key"]
    new = encrypt(SECRET, binding=binding)
    assert decrypt(old, binding=binding) == SECRET

    settings.ENCRYPTION_KEYS = ["second key"]
    assert decrypt(new, binding=binding) == SECRET
    with pytest.raises(Undecipherable, match="encryption key"):
        decrypt(old, binding=binding)


def test_the_error_quotes_neither_secret_nor_key(binding, settings):
    stored = encrypt(SECRET, binding=binding)
    settings.ENCRYPTION_KEYS = ["second key"]
    with pytest.raises(Undecipherable) as caught:
        decrypt(stored, binding=binding)
    assert SECRET not in str(caught.value)
    assert "second key" not in str(caught.value)
