"""Keys: a new key encrypts, all values are encrypted again, and the old key is removed."""

from __future__ import annotations

from cryptography.fernet import Fernet

from tests.soak.deployment import Deployment
from tests.soak.situation import Situation


def _play(deployment: Deployment) -> None:
    new = Fernet.generate_key().decode()
    deployment.restart_all(WAKECALL_SECRET_KEY=",".join([new, *deployment.keys]))
    deployment.rest(0.1)
    answer = deployment.instance.ask("POST", "/1/secrets/rotate", {"overlap": 3600})
    if answer.status != 201:
        deployment.broken(f"a secret's rotation with two keys was answered {answer.status}")
    deployment.flask("secret", "reseal")
    deployment.keys = [new]
    deployment.restart_all(WAKECALL_SECRET_KEY=new)
    deployment.mended()


KEYS = Situation("keys", "the sealing key is replaced, with two restarts of everything", _play)
