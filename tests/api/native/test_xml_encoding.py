import pytest

from app.errors import MalformedDocument
from tests.api.native.job_documents import read_xml

TEXT = "<job><url>http://a/</url><data>é</data></job>"
EURO = "<job><url>http://a/</url><data>€</data></job>"


def declared(name: str, text: str = TEXT) -> str:
    return f'<?xml version="1.0" encoding="{name}" standalone="yes"?>\n{text}'


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (TEXT.encode(), None),
        (TEXT.encode("utf-8-sig"), None),
        (TEXT.encode("utf-16"), None),
        (TEXT.encode("utf-16-le"), None),
        (TEXT.encode("utf-16-be"), None),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), None),
        (declared("utf-8").encode(), None),
        (declared("UTF-8").encode("utf-8-sig"), None),
        (declared("utf-16").encode("utf-16"), None),
        (declared("UTF-16").encode("utf-16-be"), None),
        (declared("ISO-8859-1").encode("latin-1"), None),
        (declared("us-ascii", TEXT.replace("é", "&#233;")).encode(), None),
        (declared("ASCII", TEXT.replace("é", "&#xE9;")).encode(), None),
        (TEXT.encode("latin-1"), "iso-8859-1"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode(), "UTF-8"),
        (declared("iso-8859-1").encode("latin-1"), "ISO-8859-1"),
        (declared("UTF8").encode(), None),
        (declared("utf8").encode(), "utf8"),
        (f"<?xml version='1.0'?>{TEXT}".encode(), None),
        (f"<?xml version='1.1' encoding='utf-8'?>{TEXT}".encode(), None),
        (f"<?xml-stylesheet href='x'?>{TEXT}".encode(), None),
    ],
)
def test_utf_8_utf_16_latin_1_and_ascii_are_read(body: bytes, charset: str | None) -> None:
    assert read_xml(body, charset).data == "é"


@pytest.mark.parametrize(
    ("body", "charset", "said"),
    [
        (TEXT.encode("latin-1"), None, "not UTF-8 (at byte"),
        (declared("us-ascii").encode(), None, "not ASCII"),
        (TEXT.encode(), "us-ascii", "not ASCII"),
        # Encodings that hide what a filter looks for, or that nobody needs.
        (declared("utf-7").encode(), None, '"utf-7" is not supported'),
        (b"+ADw-job+AD4-", None, "not well-formed"),
        (declared("cp037").encode(), None, "is not supported"),
        (declared("windows-1252").encode("cp1252"), None, "is not supported"),
        (declared("shift_jis").encode(), None, "is not supported"),
        (declared("ISO-10646-UCS-4").encode(), None, "is not supported"),
        (TEXT.encode("cp037"), None, "not UTF-8"),
        (TEXT.encode("utf-32"), None, "not well-formed"),
        (TEXT.encode("utf-32-be"), None, "not UTF-8"),
        (TEXT.encode("utf-32-le"), None, "not well-formed"),
        # False claims.
        (declared("utf-16").encode(), None, "contradicts"),
        (declared("utf-8").encode("utf-16-le"), None, "contradicts"),
        (declared("utf-8").encode(), "iso-8859-1", "contradicts"),
        (declared("utf-16").encode(), "us-ascii", "contradicts"),
        (declared("utf-16").encode("latin-1"), "iso-8859-1", "contradicts"),
        (TEXT.encode(), "utf-16", "contradicts"),
        (TEXT.encode("utf-16-le"), "utf-8", "contradicts"),
        (declared("utf-8").encode(), "utf-16", "contradicts"),
        (declared("utf-16").encode("latin-1"), "utf-8", "not UTF-8"),
        (TEXT.encode("latin-1"), "utf8", "not UTF-8"),
        (b"\xff\xfe" + TEXT.encode(), None, "not "),
        (TEXT.encode("utf-16")[:-1], None, "not UTF-16-LE"),
        (b"\xef\xbb\xbf\xff", None, "not UTF-8 (at byte 3)"),
        (b"\xed\xa0\x80", None, "not UTF-8"),
    ],
)
def test_other_false_or_broken_encodings_are_refused(
    body: bytes, charset: str | None, said: str
) -> None:
    with pytest.raises(MalformedDocument) as refused:
        read_xml(body, charset)
    assert said in refused.value.message
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        # As .NET sends it: a StringWriter, then StringContent(…, Encoding.UTF8, …).
        (declared("utf-16").encode(), "utf-8"),
        (declared("ISO-8859-1").encode(), "utf-8"),
        (declared("us-ascii").encode(), "UTF-8"),
        (declared("windows-1252").encode(), "utf-8"),
        (declared("utf-8").encode("utf-16-be"), "utf-16"),
        # The mark goes before the charset.
        (TEXT.encode("utf-16"), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-16"),
        (TEXT.encode("utf-8-sig"), "iso-8859-1"),
        # And before the declaration.
        (declared("utf-8").encode("utf-16"), None),
        (declared("iso-8859-1").encode("utf-8-sig"), None),
        (declared("utf-8").encode("utf-16"), "us-ascii"),
    ],
)
def test_a_mark_goes_before_the_charset_and_this_before_the_declaration(
    body: bytes, charset: str | None
) -> None:
    assert read_xml(body, charset).data == "é"


def test_a_document_in_utf_16_holds_what_it_holds() -> None:
    assert read_xml(EURO.encode("utf-16")).data == "€"
