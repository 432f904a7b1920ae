"""What the tests of the documentation share: an application that never reaches a database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient

from app import config, create_app
from app.docs_site.site import Site, current

SETTINGS = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
}


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    home = str(tmp_path_factory.mktemp("home"))
    return create_app(config.load({**SETTINGS, "WAKECALL_HOME": home}))


@pytest.fixture(scope="session")
def site(app: Flask) -> Site:
    """The pages of the application, of which all are rendered."""
    with app.app_context():
        found = current()
        found.find("x")
    return found


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A browser."""
    with app.test_client() as opened:
        opened.environ_base["HTTP_ACCEPT"] = "text/html,*/*;q=0.8"
        yield opened
