FROM python:3.12-slim AS build
WORKDIR /app
COPY requirements/base.txt requirements/base.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/base.txt

FROM python:3.12-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000
RUN useradd --system --create-home prompter
WORKDIR /app
COPY --from=build /venv /venv
COPY --chown=prompter . .
# The static files need the settings, which need addresses; nothing is connected to.
RUN DATABASE_URL=postgres://build@127.0.0.1/build REDIS_URL=redis://127.0.0.1:6379/0 SECRET_KEY=build \
    SITE_URL=http://localhost python manage.py collectstatic --no-input --verbosity 0
USER prompter
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz')"]
CMD ["gunicorn", "-c", "config/gunicorn.py"]
