"""Each recording that was kept becomes one, for all the shouts that have its file."""

from django.db import migrations, transaction

_AT_ONCE = 500


def make_recordings(apps, schema_editor):
    """In small transactions, each of which is right by itself: it may be stopped, and run again."""
    while _make_some(apps):
        pass


@transaction.atomic
def _make_some(apps):
    message, author_call, recording = (apps.get_model('blast_api', name) for name in ('Message', 'AuthorCall', 'Recording'))
    kept = author_call.objects.filter(kept=True, file_sid__gt='', message__recording=None)
    rows = list(kept.select_related('message').order_by('pk')[:_AT_ONCE])
    for row in rows:
        shout = row.message
        whose = {'application_id': shout.application_id, 'userdata': shout.userdata, 'file_sid': row.file_sid}
        found = recording.objects.filter(**whose).first() or recording.objects.create(
            **whose,
            title=shout.title,
            created=row.recorded or shout.created,
            source='phone',
            url=row.url,
            take=row.take,
            length_s=row.length_s or 0,
        )
        message.objects.filter(pk=shout.pk).update(recording=found)
    return len(rows)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('blast_api', '0014_recordings'),
    ]

    operations = [
        migrations.RunPython(make_recordings, migrations.RunPython.noop),
    ]
