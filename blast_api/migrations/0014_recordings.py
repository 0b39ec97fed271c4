"""What is heard is a row of its own, and so is the call to its author, whose table keeps its name: code of before knows it."""

from django.db import migrations, models
import django.db.models.deletion


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0013_attempts_and_rules'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterModelTable(name='recording', table='blast_api_recording'),
                migrations.RenameModel(old_name='Recording', new_name='AuthorCall'),
                migrations.AlterField(
                    model_name='authorcall',
                    name='message',
                    field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='author_call', serialize=False, to='blast_api.message'),
                ),
            ],
        ),
        migrations.CreateModel(
            name='Recording',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('application', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='blast_api.application')),
                ('userdata', models.CharField(max_length=255)),
                ('title', models.CharField(db_default='', max_length=255)),
                ('created', models.DateTimeField()),
                ('source', models.CharField(choices=[('phone', 'Phone'), ('upload', 'Upload'), ('text', 'Text')], max_length=8)),
                ('text', models.TextField(db_default='')),
                ('voice', models.CharField(db_default='', max_length=64)),
                ('key', models.CharField(db_default='', max_length=64)),
                ('file_sid', models.CharField(db_default='', max_length=64)),
                ('url', models.CharField(db_default='', max_length=2048)),
                ('take', models.PositiveSmallIntegerField(db_default=1)),
                ('length_s', models.PositiveIntegerField()),
                ('lasting', models.BooleanField(db_default=False)),
                ('doomed_at', models.DateTimeField(null=True)),
                ('held_since', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'blast_api_audio',
            },
        ),
        migrations.AddField(
            model_name='attempt',
            name='transfer_outcome',
            field=models.CharField(db_default='', max_length=16),
        ),
        migrations.AddField(
            model_name='attempt',
            name='transfer_s',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='attempt',
            name='transferred',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='call',
            name='transfer_outcome',
            field=models.CharField(db_default='', max_length=16),
        ),
        migrations.AddField(
            model_name='call',
            name='transfer_s',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='call',
            name='transferred',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='audition_of',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='auditions', to='blast_api.message'),
        ),
        migrations.AddField(
            model_name='message',
            name='language',
            field=models.CharField(db_default='', max_length=16),
        ),
        migrations.AddField(
            model_name='message',
            name='transfer',
            field=models.JSONField(null=True),
        ),
        migrations.AddIndex(
            model_name='call',
            index=models.Index(condition=models.Q(('finished', None), ('transfer_outcome', 'up')), fields=['message'], name='call_put_through'),
        ),
        migrations.AddField(
            model_name='message',
            name='recording',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='shouts', to='blast_api.recording'),
        ),
        migrations.AddField(
            model_name='message',
            name='voicemail',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='shouts_to_machines', to='blast_api.recording'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('recording__isnull', False)), fields=['recording'], name='message_by_recording'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('voicemail__isnull', False)), fields=['voicemail'], name='message_by_voicemail'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('audition_of__isnull', False)), fields=['audition_of'], name='message_auditions'),
        ),
        migrations.AddIndex(
            model_name='recording',
            index=models.Index(condition=models.Q(('doomed_at', None)), fields=['application', 'userdata', '-id'], name='audio_list'),
        ),
        migrations.AddIndex(
            model_name='recording',
            index=models.Index(condition=models.Q(('doomed_at__isnull', False)), fields=['doomed_at'], name='audio_to_discard'),
        ),
        migrations.AddIndex(
            model_name='recording',
            index=models.Index(condition=models.Q(('file_sid__gt', '')), fields=['file_sid'], name='audio_by_file'),
        ),
    ]
