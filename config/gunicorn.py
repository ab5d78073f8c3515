"""Server configuration: `gunicorn -c config/gunicorn.py`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

from config.startup import require_services, set_up

require_services()
set_up()

wsgi_app = "config.asgi:application"
worker_class = "uvicorn_worker.UvicornWorker"
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = settings.WEB_CONCURRENCY
# Workers open their own database pool: one opened before the fork hangs them.
preload_app = False
timeout = 60
graceful_timeout = 20
keepalive = 5
max_requests = settings.WEB_MAX_REQUESTS
accesslog = "-" if os.environ.get("WEB_ACCESS_LOG") == "1" else None
errorlog = "-"
loglevel = os.environ.get("WEB_LOG_LEVEL", "warning")
control_socket_disable = True
proc_name = "prompter"
# The server never takes a caller's address from X-Forwarded-For: whoever connects from a trusted machine could choose
# theirs. Django reads what TRUSTED_PROXIES wrote, where TRUST_PROXY says that there are proxies.
forwarded_allow_ips = ""
