"""Keys: a new key encrypts, all values are encrypted again, and the old key is removed."""

from __future__ import annotations

from cryptography.fernet import Fernet

from tests.soak.ground import Ground
from tests.soak.situation import Situation


def _play(ground: Ground) -> None:
    new = Fernet.generate_key().decode()
    ground.restart_all(WAKECALL_SECRET_KEY=",".join([new, *ground.keys]))
    ground.rest(0.1)
    answer = ground.instance.ask("POST", "/1/secrets/rotate", {"overlap": 3600})
    if answer.status != 201:
        ground.broken(f"a secret's rotation with two keys was answered {answer.status}")
    ground.flask("secret", "reseal")
    ground.keys = [new]
    ground.restart_all(WAKECALL_SECRET_KEY=new)
    ground.mended()


KEYS = Situation("keys", "the sealing key is replaced, with two restarts of everything", _play)
