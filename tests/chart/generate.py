"""Writes the parts of the chart that are made from code: python -m tests.chart.generate"""

import json
from pathlib import Path
from typing import Any

from tests.chart.paths import CHART
from tests.chart.settings_schema import secrets_schema, settings_file, settings_schema
from tests.chart.values_table import values_table

SCHEMA = CHART / "values.schema.json"
SETTINGS = CHART / "files" / "settings.json"
README = CHART / "README.md"
_BEGIN, _END = "<!-- values:begin -->\n", "<!-- values:end -->"


def generated() -> dict[Path, str]:
    """Each file that is made from code, whole or in part, as it should be."""
    return {SCHEMA: _schema(), SETTINGS: _json(settings_file()), README: _readme()}


def _schema() -> str:
    """values.schema.json, written by hand but for `settings` and `secrets`."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    schema["properties"] |= {"settings": settings_schema(), "secrets": secrets_schema()}
    return _json(schema)


def _readme() -> str:
    text = README.read_text("utf-8")
    before, after = text.index(_BEGIN) + len(_BEGIN), text.index(_END)
    return f"{text[:before]}\n{values_table()}\n{text[after:]}"


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, "utf-8")
