import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('blast_api', '0007_dnc_list'),
    ]

    operations = [
        migrations.CreateModel(
            name='Container',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('sid', models.CharField(db_default='', max_length=64)),
                ('step', models.CharField(choices=[('find', 'Find'), ('make', 'Make'), ('find again', 'Find Again'), ('look', 'Look'), ('raise', 'Raise')], db_default='find', max_length=10)),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('serial', models.PositiveIntegerField(db_default=0)),
                ('quota_files', models.PositiveBigIntegerField(null=True)),
                ('total_files', models.PositiveBigIntegerField(db_default=0)),
                ('quota_bytes', models.PositiveBigIntegerField(null=True)),
                ('total_bytes', models.PositiveBigIntegerField(db_default=0)),
                ('checked', models.DateTimeField(null=True)),
                ('since', models.DateTimeField(null=True)),
                ('refused', models.BooleanField(db_default=False)),
            ],
        ),
    ]
