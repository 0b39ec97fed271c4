"""What stands in the text that Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def samples(text: str) -> list[Sample]:
    """Every sample, in order. Raises ValueError if the text is not well formed."""
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]


def numbers(text: str) -> dict[str, float]:
    """Every number by the metric's name without the prefix, and the values of its labels."""
    return {
        " ".join((sample.name.removeprefix("blast_api_"), *sample.labels.values())): sample.value
        for sample in samples(text)
    }
