import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tasks.ids


class Migration(migrations.Migration):
    dependencies = [
        ("tasks", "0002_text_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tasks.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key", models.CharField(max_length=255)),
                (
                    "fingerprint",
                    models.CharField(help_text="A digest of what was asked.", max_length=64),
                ),
                ("status", models.PositiveSmallIntegerField()),
                ("headers", models.JSONField(default=dict)),
                (
                    "body",
                    models.TextField(
                        blank=True, help_text="JSON, as it was answered; empty for none."
                    ),
                ),
                (
                    "grants",
                    models.JSONField(
                        default=list,
                        help_text="Pairs of project and action: what a replay must still be allowed.",
                    ),
                ),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.UniqueConstraint(
                condition=models.Q(("position", ""), _negated=True),
                fields=("project", "position"),
                name="task_position_once",
            ),
        ),
        migrations.AddField(
            model_name="idempotencykey",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="idempotencykey",
            index=models.Index(fields=["created_at"], name="idempotency_key_created_at"),
        ),
        migrations.AddConstraint(
            model_name="idempotencykey",
            constraint=models.UniqueConstraint(fields=("user", "key"), name="idempotency_key_once"),
        ),
    ]
