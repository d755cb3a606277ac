"""The evaluation report: Markdown, HTML, protocols and published results."""
