"""Pages: the plain WSGI application, served by the dispatcher in `asgi.py` or by any WSGI server."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.startup import set_up

set_up()

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
