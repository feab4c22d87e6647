from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from consumer.errors import SettingsError
from consumer.liveintent.token import Token
from tests.unit.liveintent.virtual_time import VirtualTime


class Secret:
    """A file that can be replaced, or be missing."""

    def __init__(self, value: str | Exception) -> None:
        self.value = value
        self.reads = 0

    def __call__(self) -> str:
        self.reads += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def a_token(provider: Callable[[], str]) -> tuple[Token, VirtualTime]:
    time = VirtualTime()
    return Token(provider, clock=time.clock, refresh_seconds=30), time


async def test_the_token_is_read_once_and_again_when_it_may_have_changed() -> None:
    secret = Secret("first\n")
    token, time = a_token(secret)

    assert await token.value() == "first"
    secret.value = "second"
    time.seconds = 29
    assert await token.value() == "first"
    time.seconds = 30
    assert await token.value() == "second"
    assert secret.reads == 2


async def test_reading_again_tells_whether_the_token_changed() -> None:
    secret = Secret("first")
    token, _ = a_token(secret)

    assert await token.read_again() is True
    assert await token.read_again() is False
    secret.value = "second"
    assert await token.read_again() is True


@pytest.mark.parametrize("error", [OSError(), ValueError(), SettingsError(["no file"])])
async def test_a_secret_missing_for_a_moment_leaves_the_old_token_and_one_log_line(
    error: Exception,
) -> None:
    secret = Secret("first")
    token, _ = a_token(secret)
    await token.value()
    secret.value = error

    with capture_logs() as logs:
        assert await token.read_again() is False
        assert await token.read_again() is False

    assert await token.value() == "first"
    assert [line["log_level"] for line in logs] == ["warning"]


@pytest.mark.parametrize("value", ["", "  ", "new\nline", "snow\u2603", OSError("gone")])
async def test_what_no_header_can_carry_is_no_token(value: str | Exception) -> None:
    token, _ = a_token(Secret(value))

    assert await token.value() is None


async def test_the_token_is_not_printed() -> None:
    token, _ = a_token(Secret("very-secret"))
    await token.value()

    assert "very-secret" not in repr(token)
