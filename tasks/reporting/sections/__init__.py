"""The sections of the page: one module and one template each; `tasks/reporting/page.py` lists them in order."""
