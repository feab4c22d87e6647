"""The boards as files of the chart."""

import json
from pathlib import Path
from typing import Final

from helm.dashboards.detail import detail
from helm.dashboards.overview import overview

DIRECTORY: Final = Path(__file__).parents[1] / "segment-liveintent" / "dashboards"


def files() -> dict[str, str]:
    """The text of each file in `DIRECTORY`, by name."""
    return {
        f"{board.uid}.json": json.dumps(board.as_json(), indent=2) + "\n"
        for board in (overview(), detail())
    }
