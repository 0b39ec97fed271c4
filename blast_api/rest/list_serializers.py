"""How it is told that a list came as a file, and how it was read."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class ListColumnSerializer(serializers.Serializer[Any]):
    """A column of the file."""

    column = serializers.IntegerField(help_text="The first is 1.")
    header = serializers.CharField(allow_null=True, help_text="Its name; null: the file does not name it.")


class ListLineSerializer(serializers.Serializer[Any]):
    """A recipient as it was read."""

    line = serializers.IntegerField(help_text="On which it begins, from 1; a spreadsheet's row.")
    number = serializers.CharField()
    zone = serializers.CharField(required=False, allow_blank=True)
    reference = serializers.CharField(required=False, allow_blank=True)


class ListReadSerializer(serializers.Serializer[Any]):
    """How a list was read that came as a file."""

    columns = serializers.DictField(
        child=ListColumnSerializer(), help_text="Which column is read as `number`, `zone`, `reference`."
    )
    header = serializers.BooleanField(help_text="Whether the first line names the columns.")
    encoding = serializers.CharField(allow_null=True, help_text="Null: it is a workbook.")
    delimiter = serializers.CharField(allow_null=True, help_text="Null: it has one column, or is a workbook.")
    sheet = serializers.CharField(allow_null=True, help_text="Null: it is no workbook.")
    rows = serializers.IntegerField(help_text="Lines that name a recipient, each as often as it is there.")
    sample = ListLineSerializer(many=True, help_text="The first five of them.")
