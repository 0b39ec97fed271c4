"""`manage.py check`: what is wrong with the configuration, key by key, with a hint."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.http.request import split_domain_port, validate_host

from . import conf
from .db import state_dir
from .domain.configuration import KEYS, RETIRED


@register("blast_api")
def check_configuration(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """Every key that cannot be used is an Error, with its name, the fault and a hint."""
    values, faults = conf.read()
    messages: list[CheckMessage] = [
        Error(f"{fault.key}: {fault.problem}.", hint=fault.hint, id="blast_api.E001") for fault in faults
    ]
    if not faults and values["amd_total_analysis_time"] < values["amd_initial_silence"]:  # type: ignore[operator]
        messages.append(
            Warning(
                "AMD_TOTAL_ANALYSIS_TIME: is shorter than AMD_INITIAL_SILENCE, so silence is never recognised.",
                hint="The defaults are 10000 and 5000.",
                id="blast_api.W001",
            )
        )
    return messages


@register("blast_api")
def check_hosts(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """The carrier's requests name a host that we answer to, and no entry of ALLOWED_HOSTS is there in vain."""
    values, _faults = conf.read()
    return list(_host_faults(str(values.get("base_callcontrol_api_url", ""))))


def _host_faults(base: str) -> Iterator[CheckMessage]:
    for entry in settings.ALLOWED_HOSTS:
        if not _can_match(str(entry)):
            yield Error(
                f"ALLOWED_HOSTS: {entry!r:.200} matches no request.",
                hint="Write names or addresses alone, without scheme, port or last dot: blast.example.org, [::1], "
                "or .example.org for all names that end so.",
                id="blast_api.E106",
            )
    host = _host_header(base)
    domain, _port = split_domain_port(host)
    # As Django does when it is asked for the host of a request.
    allowed = settings.ALLOWED_HOSTS or (settings.DEBUG and [".localhost", "127.0.0.1", "[::1]"]) or []
    if base and not domain:
        yield Error(
            f"BASE_CALLCONTROL_API_URL: {host!r:.200} is no host that a request may name, so every callback would be 400.",
            hint="Letters, digits, hyphens and dots; no underscore.",
            id="blast_api.E105",
        )
    elif base and not validate_host(domain, allowed):
        yield Error(
            f"ALLOWED_HOSTS: lacks {domain}, the host of BASE_CALLCONTROL_API_URL, so every callback would be 400.",
            hint=f"Add {domain}, without a port.",
            id="blast_api.E105",
        )


def _can_match(entry: str) -> bool:
    """Whether Django may find this entry equal to what it makes of a request's host."""
    name = entry.lower().removeprefix(".")
    return entry == "*" or (name != "" and split_domain_port(name) == (name, ""))


def _host_header(base: str) -> str:
    """What a client writes as Host for this URL: names of other alphabets in their ASCII form."""
    host = urlsplit(base).netloc.rpartition("@")[2]
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host


@register("blast_api.state")
def check_state_dir(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """STATE_DIR is a folder of its own that we may write to. With a tag of its own: work goes on while it is out of reach."""
    return list(_state_dir_faults())


def _state_dir_faults() -> Iterator[CheckMessage]:
    written = settings.STATE_DIR
    shown = f"STATE_DIR: {written!r:.200}"
    if not isinstance(written, str | Path) or str(written) != str(written).strip() or not Path(written).is_absolute():
        yield Error(f"{shown} is not an absolute path.", hint="For example /var/lib/blast-api.", id="blast_api.E002")
        return
    folder = Path(written).resolve()
    logs = Path(settings.CDR_LOGGER_PATH).parent.resolve()
    elsewhere = "Name a folder where nobody cleans, rotates and ships what lies there, for example /var/lib/blast-api."
    if folder == logs:
        yield Error(f"{shown} is the folder of the logs.", hint=elsewhere, id="blast_api.E002")
    elif folder.is_relative_to(logs):
        yield Warning(f"{shown} lies in the folder of the logs.", hint=elsewhere, id="blast_api.W002")
    if problem := _why_not_writable(state_dir.folder()):
        yield Error(
            f"{shown} {problem}.",
            hint=f"As root: install -d -o USER -g GROUP -m 0750 {written}, with the user and group that the service runs as.",
            id="blast_api.E002",
        )


def _why_not_writable(folder: Path) -> str:
    """What is wrong with a folder for who wants to read and write there, found out by doing so; empty if nothing is."""
    try:
        os.listdir(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except FileNotFoundError:
        return "does not exist"
    except NotADirectoryError:
        return "is not a folder"
    except OSError as error:
        return f"cannot be used by this user: {error.strerror}"
    return ""


@register("blast_api.retired")
def check_retired_keys(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """A sheet of a former release is a good one. With a tag of its own: `runcrons` need not say so each minute."""
    return [
        Warning(
            f"{key}: is no longer read.",
            hint="The bound is the same for everybody now. Delete the key from configuration.py and from the environment.",
            id="blast_api.W003",
        )
        for key in sorted(RETIRED)
        if hasattr(settings, key)
    ]


@register("blast_api.environment")
def check_proxies(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """A proxy that the environment names is not asked. With a tag of its own: `runcrons` need not say so each minute."""
    values, _faults = conf.read()
    url = urlsplit(str(values.get("base_carrierx_api_url", "")))
    host, named = url.hostname or "", getproxies_environment()
    scheme = next((scheme for scheme in (url.scheme, "all") if scheme in named), "")
    if not scheme or _is_this_host(host) or proxy_bypass(url.netloc.rpartition("@")[2], named):
        return []
    return [
        Warning(
            f"{scheme.upper()}_PROXY: is set in the environment, and the carrier is asked without a proxy all the same: only "
            "BASE_CARRIERX_API_URL says where its credentials go.",
            hint=f"Let this host connect to {host} directly. Then this goes away with the variable, or with NO_PROXY={host}.",
            id="blast_api.W103",
        )
    ]


@register("blast_api.environment")
def check_authorities(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """Those whom the environment names, as it does for all that `requests` asks, are there. With a tag of its own, likewise."""
    name = next((name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)), "")
    bundle = os.environ.get(name, "")
    values, _faults = conf.read()
    secured = str(values.get("base_carrierx_api_url", "")).startswith("https:")
    if not bundle or not secured or os.access(bundle, os.R_OK):
        return []
    return [
        Error(
            f"{name}: {bundle!r:.200} cannot be read, so the carrier cannot be verified, and is not asked.",
            hint="Name a file or a folder of certificates that the service's user may read, or take the variable away.",
            id="blast_api.E107",
        )
    ]


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """What development may leave open and production may not."""
    values, _faults = conf.read()
    return list(_deployment_faults(values))


def _deployment_faults(values: dict[str, object]) -> Iterator[CheckMessage]:
    for key in sorted(conf.SECRETS):
        if values.get(key.lower()) == "":
            yield Error(
                f"{key}: is empty.",
                hint="The carrier gives it to you; see docs/reference/configuration.md.",
                id="blast_api.E101",
            )
    if values.get("did") == KEYS["DID"].default:
        yield Error("DID: is the fictional one.", hint="Write a DID of your FlexML endpoint.", id="blast_api.E102")
    url = urlsplit(str(values.get("base_callcontrol_api_url", "")))
    if _is_this_host(url.hostname or ""):
        yield Error(
            "BASE_CALLCONTROL_API_URL: the carrier cannot reach a loopback address.",
            hint="Write the public URL that ends in /api/v1/call-control.",
            id="blast_api.E103",
        )
    elif url.scheme == "http":
        yield Warning(
            "BASE_CALLCONTROL_API_URL: call-control addresses are secrets and travel in the clear.",
            hint="Serve https, with TLS ended in front of uWSGI.",
            id="blast_api.W101",
        )
    if any(network.prefixlen == 0 for network in values.get("metrics_allowed", ())):  # type: ignore[attr-defined]
        yield Warning(
            "METRICS_ALLOWED: lets everybody read /metrics.",
            hint="Name the addresses of your Prometheus.",
            id="blast_api.W102",
        )
    for key in ("SECRET_KEY", *sorted(conf.SECRETS)):
        if re.search(r"\s#", str(getattr(settings, key, ""))):
            yield Warning(
                f"{key}: has a # after a space. If that is a comment, systemd takes it for a part of the value and the shell "
                "does not: web server and cron then work with two secrets.",
                hint="In /etc/default/blast-api write comments on lines of their own.",
                id="blast_api.W104",
            )
    if not settings.API_TOKEN_REQUIRED:
        yield Error(
            "API_TOKEN_REQUIRED: is off, so any stranger may create shouts.",
            hint="Production settings set it to True.",
            id="blast_api.E104",
        )


def _is_this_host(name: str) -> bool:
    try:
        address = ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
