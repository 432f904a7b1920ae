"""A receiver in Django: it acts on calls of this account's Wakecall, and on no others.

One file, so that it runs as it is; in a project the view and its path go where they belong.
"""

from __future__ import annotations

import logging
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from wakecall import SignatureError, Webhook

webhook = Webhook(*os.environ["WAKECALL_SECRETS"].split())


@csrf_exempt  # the signature shows who sends; a call has no cookie and no token of a form
@require_POST
def wake(request: HttpRequest) -> HttpResponse:
    """Take a call. `request.body` has the bytes as they came."""
    try:
        call = webhook.verify(request.body, request.headers)
    except SignatureError as error:
        return HttpResponse(str(error), status=401, content_type="text/plain")
    logging.getLogger(__name__).info("run %s, attempt %s: %r", call.id, call.attempt, call.body)
    return HttpResponse(status=204)


urlpatterns = [path("wake", wake)]

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["localhost", "127.0.0.1"])
app = get_wsgi_application()
