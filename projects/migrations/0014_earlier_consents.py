"""Lecturers who were there before consents were recorded may go on being rendered."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NOTE = "recorded when consent records were introduced"
BATCH = 1000


def record(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give every lecturer without a consent one that says where it comes from."""
    speakers = apps.get_model("projects", "Speaker").objects.filter(consents=None)
    consents = apps.get_model("projects", "Consent")
    consents.objects.bulk_create(
        (
            consents(
                speaker=speaker,
                given_by=speaker.name,
                scope="Videos in this project",
                given_on=speaker.created_at.date(),
                note=NOTE,
            )
            for speaker in speakers
        ),
        batch_size=BATCH,
    )


class Migration(migrations.Migration):
    dependencies = [("projects", "0013_teams")]

    operations = [migrations.RunPython(record, migrations.RunPython.noop)]
