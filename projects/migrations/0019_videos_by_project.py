"""A finished video names its project; what was made before takes it from its render."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_the_projects(apps, schema_editor):
    outputs, jobs = apps.get_model('projects', 'RenderOutput'), apps.get_model('projects', 'RenderJob')
    of_the_job = jobs.objects.filter(pk=OuterRef('job_id')).values('project')[:1]
    outputs.objects.filter(project=None).update(project=Subquery(of_the_job))


class Migration(migrations.Migration):

    dependencies = [
        ('projects', '0018_cleanup_scopes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='renderoutput',
            name='project',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='outputs', to='projects.project'),
        ),
        migrations.RunPython(name_the_projects, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='renderoutput',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='outputs', to='projects.project'),
        ),
        migrations.AlterField(
            model_name='renderjob',
            name='clip',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.RESTRICT, related_name='jobs', to='projects.speakerclip'),
        ),
        migrations.AlterField(
            model_name='renderjob',
            name='track',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.RESTRICT, related_name='jobs', to='projects.audiotrack'),
        ),
        migrations.AddIndex(
            model_name='renderjob',
            index=models.Index(fields=['project', 'status'], name='job_state_by_project'),
        ),
        migrations.AddIndex(
            model_name='renderjob',
            index=models.Index(fields=['clip', '-created_at'], name='job_by_clip'),
        ),
        migrations.AddIndex(
            model_name='renderjob',
            index=models.Index(fields=['track', '-created_at'], name='job_by_track'),
        ),
        migrations.AddIndex(
            model_name='renderjob',
            index=models.Index(fields=['created_by', '-created_at', 'status', 'track'], name='job_by_person'),
        ),
        migrations.RemoveIndex(
            model_name='renderoutput',
            name='output_bytes',
        ),
        migrations.AddIndex(
            model_name='renderoutput',
            index=models.Index(condition=models.Q(('binned_at__isnull', True)), fields=['project', 'size'], name='output_room'),
        ),
    ]
