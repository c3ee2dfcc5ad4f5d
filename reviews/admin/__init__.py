"""Django's admin as the desk uses it: rules are changed here, with reasons; the rest is to read."""

from django.contrib import admin

from reviews.admin import people, policy, record, rules

__all__ = ["people", "policy", "record", "rules"]

admin.site.site_header = "Assentry administration"
admin.site.site_title = "Assentry"
admin.site.index_title = "Rules, people, record"
admin.site.enable_nav_sidebar = True
