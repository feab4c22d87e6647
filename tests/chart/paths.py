"""Where the chart is."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "segment-liveintent"
VARIANTS = tuple(sorted((CHART / "ci").glob("*-values.yaml")))
"""One file of values for each feature."""
