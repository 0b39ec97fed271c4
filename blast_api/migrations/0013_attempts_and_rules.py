"""Each attempt is a row; shouts and applications have rules. Code of before adds no attempt, and writes its records as it did."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0012_calls_by_number'),
    ]

    operations = [
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('record', models.CharField(db_default='', max_length=32)),
                ('late', models.BooleanField(db_default=False)),
                ('writer', models.CharField(db_default='', max_length=64)),
                ('taken', models.DateTimeField(null=True)),
                ('written', models.DateTimeField(null=True)),
                ('serial', models.PositiveIntegerField()),
                ('number', models.PositiveSmallIntegerField()),
                ('claimed', models.DateTimeField(null=True)),
                ('slot', models.DateTimeField(null=True)),
                ('did', models.CharField(db_default='', max_length=15)),
                ('sid', models.CharField(db_default='', max_length=64)),
                ('started', models.DateTimeField(null=True)),
                ('answered', models.DateTimeField(null=True)),
                ('ended', models.DateTimeField(null=True)),
                ('ending', models.CharField(db_default='', max_length=24)),
                ('q850', models.PositiveSmallIntegerField(null=True)),
                ('duration', models.PositiveIntegerField(null=True)),
                ('answerer', models.CharField(db_default='', max_length=8)),
                ('keys', models.CharField(db_default='', max_length=128)),
                ('reason', models.CharField(db_default='', max_length=300)),
                ('message', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, to='blast_api.message')),
                ('call', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='history', to='blast_api.call')),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='call',
            name='call_status_known',
        ),
        migrations.AddField(
            model_name='application',
            name='calls_per_second',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='application',
            name='concurrent_calls',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='application',
            name='delivery',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='application',
            name='dids',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='application',
            name='next_slot',
            field=models.FloatField(db_default=0),
        ),
        migrations.AddField(
            model_name='call',
            name='keys',
            field=models.CharField(db_default='', max_length=128),
        ),
        migrations.AddField(
            model_name='call',
            name='machine',
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name='call',
            name='reference',
            field=models.CharField(db_default='', max_length=255),
        ),
        migrations.AddField(
            model_name='call',
            name='zone',
            field=models.CharField(db_default='', max_length=64),
        ),
        migrations.AddField(
            model_name='donotcallnumber',
            name='call_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='calls_per_second',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='concurrent_calls',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='delivery',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='did',
            field=models.CharField(db_default='', max_length=15),
        ),
        migrations.AddField(
            model_name='message',
            name='late',
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name='message',
            name='next_slot',
            field=models.FloatField(db_default=0),
        ),
        migrations.AddField(
            model_name='message',
            name='record',
            field=models.CharField(db_default='', max_length=32),
        ),
        migrations.AddField(
            model_name='message',
            name='resumed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='taken',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='writer',
            field=models.CharField(db_default='', max_length=64),
        ),
        migrations.AddField(
            model_name='message',
            name='written',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='recording',
            name='late',
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name='recording',
            name='record',
            field=models.CharField(db_default='', max_length=32),
        ),
        migrations.AddField(
            model_name='recording',
            name='report',
            field=models.TextField(db_default=''),
        ),
        migrations.AddField(
            model_name='recording',
            name='taken',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='recording',
            name='writer',
            field=models.CharField(db_default='', max_length=64),
        ),
        migrations.AddField(
            model_name='recording',
            name='written',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='call',
            name='status',
            field=models.CharField(choices=[('pending', 'Pending'), ('ready', 'Ready'), ('ongoing', 'Ongoing'), ('completed', 'Completed'), ('no-answer', 'No Answer'), ('failed', 'Failed'), ('busy', 'Busy'), ('app-error', 'App Error'), ('added to do not call', 'Opted Out'), ('do not call', 'Do Not Call'), ('capped', 'Capped'), ('expired', 'Expired'), ('cancelled', 'Cancelled'), ('timed-out', 'Timed Out')], db_default='pending', max_length=24),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('closed', None), ('until__isnull', False)), fields=['until'], name='message_with_until'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('record__gt', ''), ('written', None)), fields=['finished'], name='message_to_write'),
        ),
        migrations.AddIndex(
            model_name='recording',
            index=models.Index(condition=models.Q(('record__gt', ''), ('written', None)), fields=['ended'], name='recording_to_write'),
        ),
        migrations.AddConstraint(
            model_name='call',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'ready', 'ongoing', 'completed', 'no-answer', 'failed', 'busy', 'app-error', 'added to do not call', 'do not call', 'capped', 'expired', 'cancelled', 'timed-out'])), name='call_status_known'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['message', 'id'], name='attempt_of_shout'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(condition=models.Q(('record__gt', ''), ('written', None)), fields=['ended', 'id'], name='attempt_to_write'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(condition=models.Q(('record__gt', ''), ('written', None), ('taken__isnull', False)), fields=['taken'], name='attempt_in_hand'),
        ),
        migrations.AddConstraint(
            model_name='attempt',
            constraint=models.UniqueConstraint(fields=('call', 'serial'), name='attempt_once'),
        ),
    ]
