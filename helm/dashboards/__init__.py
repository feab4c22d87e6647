"""The chart's Grafana dashboards, as code. `make dashboards` writes them into the chart."""
