from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0004_what_metrics_ask'),
    ]

    operations = [
        migrations.AddField(
            model_name='call',
            name='apologised',
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddIndex(
            model_name='call',
            index=models.Index(condition=models.Q(('finished', None), ('started__isnull', False)), fields=['started'], name='call_with_carrier'),
        ),
        migrations.AddIndex(
            model_name='call',
            index=models.Index(condition=models.Q(('status', 'timed-out')), fields=['message', 'started'], name='call_timed_out'),
        ),
    ]
