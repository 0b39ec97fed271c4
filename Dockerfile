# blast-api in production settings: `web` and `callbacks` are uWSGI on port 8000, and any command of manage.py is `etc/manage <command>`.
# Configuration and secrets come from the environment, as in etc/default/blast-api; the logs are in /var/log/blast-api,
# and in /var/lib/blast-api is what must outlive a process and is no log.
FROM python:3.11-slim-bookworm AS environment
WORKDIR /opt/blast-api
COPY requirements.txt .
RUN python -m venv env && env/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 900 --user-group --no-create-home --home-dir /nonexistent blast-api \
    && install -d -o blast-api -g blast-api -m 0750 /var/log/blast-api /var/lib/blast-api /run/blast-api
WORKDIR /opt/blast-api
COPY --from=environment /opt/blast-api/env env
COPY . .
# The sheet is the template as it stands: BLAST_<KEY> wins over it. Collecting files needs no real secret.
RUN cp blast_api_project/configuration.py.template blast_api_project/configuration.py \
    && cp blast_api_project/settings/prod.py.template blast_api_project/settings/prod.py \
    && DJANGO_SETTINGS_MODULE=blast_api_project.settings.prod SECRET_KEY=none ALLOWED_HOSTS=none \
        DATABASE_URL=sqlite:////nonexistent env/bin/python manage.py collectstatic --noinput \
    && env/bin/python -m compileall -q blast_api blast_api_project
USER 900
ENV DJANGO_SETTINGS_MODULE=blast_api_project.settings.prod \
    BLAST_ENVIRONMENT=/dev/null \
    RUNTIME_DIRECTORY=/run/blast-api \
    LISTEN=0.0.0.0:8000 \
    PYTHONUNBUFFERED=1
VOLUME /var/log/blast-api /var/lib/blast-api
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s \
    CMD ["env/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# What cannot work does not start, as under systemd.
CMD ["sh", "-c", "env/bin/python manage.py check && exec env/bin/uwsgi --ini etc/blast-api.ini"]
