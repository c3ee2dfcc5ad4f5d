"""manage.py audit_reconcile: compares the record with the business tables. Login: auditor, or router for the keeper."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.reconcile import reconcile


class Command(BaseCommand):
    help = "Compare the record with the business tables, both ways; exits 1 and says what differs if they disagree."

    def handle(self, *args: Any, **options: Any) -> None:
        findings = reconcile()
        for finding in findings:
            self.stderr.write(f"{finding['name']} ({finding['count']} in all): {finding['text']}")
        if findings:
            raise CommandError("the record and the business tables disagree")
        self.stdout.write("the record and the business tables agree")
