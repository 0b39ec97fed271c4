import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0003_keys_expire'),
    ]

    operations = [
        migrations.CreateModel(
            name='CronHost',
            fields=[
                ('name', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('last_run', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.AddIndex(
            model_name='call',
            index=models.Index(condition=models.Q(('finished', None)), fields=['status'], name='call_open_by_status'),
        ),
    ]
