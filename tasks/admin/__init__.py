"""The admin site, for the people who help users: one module for each aggregate.

Django's own site, because it works under the strict Content-Security-Policy as it comes
(docs/adr/0006-stock-admin.md). It is one more way to the operations, not a way around them: what
they do not offer is read-only here. Staff act as an admin of every project.
"""

from django.contrib import admin

from tasks.admin import comment, event, label, project, task, token_family, user, webhook

__all__ = ["comment", "event", "label", "project", "task", "token_family", "user", "webhook"]

admin.site.site_header = "Tasks"
admin.site.site_title = "Tasks"
admin.site.index_title = "Administration"
