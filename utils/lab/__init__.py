"""Starts JupyterLab on the course's landing page, with Markdown files shown rendered: `python -m utils.lab`."""
