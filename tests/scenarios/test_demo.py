import pytest
from typer.testing import CliRunner

from consumer.cli.app import app


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_whole_system_ends_where_the_feed_meant_it_to(seed: str) -> None:
    result = CliRunner().invoke(app, ["demo", "--once", "--events", "1500", "--seed", seed])

    assert result.output.count("✓") == 6, result.output
    assert "Everything arrived." in result.output
    assert result.exit_code == 0
