"""`python -m tests.chart.fetch`: fetch the tools that look at the chart, so that a later test run needs no network."""

import sys

from tests.chart.tools import HELM_3, HELM_4, ToolUnavailable, checkov, hadolint, helm, validators


def main() -> int:
    """Fetch what is missing; 1 with the reason on stderr when it cannot be had."""
    try:
        found = [helm(HELM_4), helm(HELM_3), hadolint(), validators(), checkov()]
    except ToolUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(["The chart's tools are:", *map(str, found)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
