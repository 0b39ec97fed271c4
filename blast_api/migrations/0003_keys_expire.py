from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0002_what_the_gate_is_shut_for'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('idempotency_key__isnull', False)), fields=['created'], name='message_with_key'),
        ),
    ]
