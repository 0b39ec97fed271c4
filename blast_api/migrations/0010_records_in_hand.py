"""An index of the records that are in hand, by when they were taken: a writer asks for a dead one's before each batch."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0009_what_is_wrong_with_one'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='record',
            index=models.Index(condition=models.Q(('taken__isnull', False), ('written', None)), fields=['taken'], name='record_in_hand'),
        ),
    ]
