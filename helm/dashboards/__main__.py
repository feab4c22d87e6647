"""Writes the dashboards into the chart: `python -m helm.dashboards`."""

from helm.dashboards.files import DIRECTORY, files

if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in files().items():
        (DIRECTORY / name).write_text(text)
