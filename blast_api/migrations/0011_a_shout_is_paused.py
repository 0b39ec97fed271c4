"""When and why a shout was paused, and which calls its pause takes back. Code of before pauses nothing, and calls on."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0010_records_in_hand'),
    ]

    operations = [
        migrations.AddField(
            model_name='call',
            name='recalled',
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name='message',
            name='paused_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='paused_because',
            field=models.CharField(db_default='', max_length=16),
        ),
    ]
