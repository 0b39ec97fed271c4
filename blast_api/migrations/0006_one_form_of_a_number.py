from django.db import IntegrityError, migrations, transaction

from blast_api.domain.numbers import normalise

# Most numbers have this form, which has never been another.
_NORTH_AMERICAN = '^1[2-9][0-9]{9}$'


def give_each_number_its_one_form(apps, schema_editor):
    """A number that was kept as it was written, with a zero that only its own country dials, say: lists go by one form."""
    for model, open_ones in (('DoNotCallNumber', {}), ('Call', {'finished': None})):
        rows = apps.get_model('blast_api', model).objects
        others = rows.filter(**open_ones).exclude(number__regex=_NORTH_AMERICAN)
        for pk, number in list(others.values_list('pk', 'number')):
            if (form := _form(number)) == number:
                continue
            try:
                with transaction.atomic():
                    rows.filter(pk=pk).update(number=form)
            except IntegrityError:  # the list has that form already, and an entry that nothing would find again can go
                if model == 'DoNotCallNumber':
                    rows.filter(pk=pk).delete()


def _form(number):
    try:
        return normalise(number)
    except ValueError:
        return number


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0005_silence_is_of_calls'),
    ]

    operations = [
        migrations.RunPython(give_each_number_its_one_form, migrations.RunPython.noop),
    ]
