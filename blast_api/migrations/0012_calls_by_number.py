"""An index of the calls by number: what has happened with a phone."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0011_a_shout_is_paused'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='call',
            index=models.Index(fields=['number', '-id'], name='call_by_number'),
        ),
    ]
