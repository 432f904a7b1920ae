from flask.testing import FlaskClient
from lxml import etree

from tests.api.native.booked import ABSENT, booked


def test_runs_and_secrets_in_both_formats(client: FlaskClient) -> None:
    place = f"/1/jobs/{booked(client)['id']}/runs"
    assert client.get(place).get_json() == []
    assert client.get(place, headers={"Accept": "text/xml"}).data == b"<runs/>"
    for limit in ("0", "1001", "-1", "x", "", "1" * 5000, "٣"):
        answer = client.get(place, query_string={"limit": limit})
        assert (answer.status_code, answer.get_json()["member"]) == (400, "limit")
    assert client.get(place, query_string={"limit": "1000"}).status_code == 200
    assert client.get(f"/1/runs/{ABSENT}").status_code == 404
    shown = client.get("/1/secrets")
    assert shown.headers["Cache-Control"] == "no-store"
    (secret,) = shown.get_json()
    assert secret.startswith("whsec_")
    in_xml = etree.fromstring(client.get("/1/secrets", headers={"Accept": "text/xml"}).data)
    assert in_xml.findtext("secret") == secret
