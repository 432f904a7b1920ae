import time
from pathlib import Path

import pytest
from lxml import etree

from app.api.native.codecs.reader import Body
from app.api.native.documents import bulk as bulk_document
from app.api.native.documents import job as job_document
from app.api.native.documents.job import JobDocument
from app.errors import InvalidMember, MalformedDocument, Refused
from tests.api.golden import golden
from tests.api.native.job_documents import read_xml, write

URL = "<url>https://example.com/</url>"
GOOD = f"<job>{URL}<when>2030-01-01T00:00:00Z</when></job>"
MARK = "\ufeff"
SCHEMA = Path(job_document.__file__).parent / "job.xsd"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
XSD = 'xmlns:xsd="http://www.w3.org/2001/XMLSchema"'


def refusal(body: bytes | str, charset: str | None = None) -> Refused:
    started = time.monotonic()
    with pytest.raises(Refused) as caught:
        read_xml(body if isinstance(body, bytes) else body.encode(), charset)
    assert time.monotonic() - started < 5
    assert caught.value.remedy
    caught.value.message.encode()
    return caught.value


LAUGHS = (
    "<!DOCTYPE job [<!ENTITY a '"
    + "ha" * 50
    + "'>"
    + "".join(
        f"<!ENTITY {chr(98 + number)} '{('&' + chr(97 + number) + ';') * 10}'>"
        for number in range(9)
    )
)


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE job>",
        "<!DOCTYPE job []>",
        '<!DOCTYPE job SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE job PUBLIC "x" "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE job [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE job [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]>',
        "<!DOCTYPE job [<!ELEMENT job ANY>]>",
        LAUGHS + "]>",
        "<!DOCTYPE job [<!ENTITY x '" + "y" * 30_000 + "'>]>",
        "<!DOCTYPE",
        " \n<!-- a --> <?p i?> <!DOCTYPE job>",
        '<?xml version="1.0"?>\n<!DOCTYPE job>',
        "<!-- <!DOCTYPE x> --><!DOCTYPE job>",
    ],
)
def test_a_doctype_of_any_kind_is_refused(doctype: str) -> None:
    for body in (f"{doctype}<job><url>&x;&j;</url></job>", doctype):
        refused = refusal(body)
        assert isinstance(refused, MalformedDocument)
        assert "DOCTYPE" in refused.message


@pytest.mark.parametrize("start", [f"{MARK}{MARK}", f'<?xml version="1.0"?>{MARK}'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_second_byte_order_mark_hides_no_doctype(start: str, encoding: str) -> None:
    doctype = "<!DOCTYPE job [<!ATTLIST url a CDATA 'b'>]>"
    for before in (doctype, ""):
        refused = refusal(f"{start}{before}{GOOD}".encode(encoding))
        assert isinstance(refused, MalformedDocument)
        assert "byte order mark" in refused.message


def test_what_only_looks_like_a_doctype_is_data() -> None:
    read = read_xml(b"<!--<!DOCTYPE a>--><job><data><![CDATA[<!DOCTYPE html>]]></data></job>")
    assert read.data == "<!DOCTYPE html>"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "empty"),
        (" ", "not well-formed"),
        ("job", "not well-formed"),
        ("<job>", "not well-formed"),
        ("<job></jobs>", "not well-formed"),
        (GOOD + GOOD, "not well-formed"),
        (GOOD + "x", "not well-formed"),
        ("<job><url>&x;</url></job>", "not well-formed"),
        ("<job><url>&#0;</url></job>", "not well-formed"),
        ("<job><url>&#xd800;</url></job>", "not well-formed"),
        ("<job><url>\0</url></job>", "not well-formed"),
        ("<job><url>\x01</url></job>", "not well-formed"),
        ("<job><url>\ufffe</url></job>", "not well-formed"),
        ("<job><url>a & b</url></job>", "not well-formed"),
        ("<job><a:url>x</a:url></job>", "not well-formed"),
        ('<job a="1" a="2"/>', "not well-formed"),
        ("<job>" + "<a>" * 10_000, "not well-formed"),
        ("<job>" + "<a>" * 5_000 + "</a>" * 5_000 + "</job>", "not well-formed"),
        ('<?xml version="1.0" encoding="utf-8" ?' + GOOD, "declaration"),
        ("<?xml encoding='utf-8'?>" + GOOD, "declaration"),
        ("<?xml version='2.0'?>" + GOOD, "declaration"),
        (" <?xml version='1.0'?>" + GOOD, "not well-formed"),
        ("<Job/>", 'root element is "Job"'),
        ("<jobs/>", 'root element is "jobs"'),
        ('<job xmlns="urn:x"/>', 'element "job" declares a namespace'),
        ('<a:job xmlns:a="urn:x"/>', 'element "job" declares a namespace'),
        ("<a:job/>", "not well-formed"),
        ("<xml:job/>", "root element"),
        ('<job><url xmlns="urn:x">a</url></job>', 'element "url" declares a namespace'),
        ('<job><a xmlns:b="c"/><!-- xmlns --></job>', 'element "a" declares a namespace'),
        (
            '<job><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///a"/></job>',
            'element "include" declares a namespace',
        ),
        (f"<job>text{URL}</job>", "text between"),
        (f"<job>{URL}text</job>", "text between"),
        (f"<job>{URL}<!-- c -->text</job>", "text between"),
    ],
)
def test_a_root_that_is_not_job_is_refused_with_the_reason(body: bytes, said: str) -> None:
    refused = refusal(body)
    assert isinstance(refused, MalformedDocument)
    assert said in refused.message


@pytest.mark.parametrize(
    ("inside", "member", "said"),
    [
        ("<url>https://a<!-- -->b</url>", "url", "comment"),
        ("<url>https://a<?p i?>b</url>", "url", "processing instruction"),
        ("<data>a<!-- -->b</data>", "data", "comment"),
        ("<data><b>x</b></data>", "data", "an element"),
        ("<url><url>x</url></url>", "url", "an element"),
        ("<cron><!-- --></cron>", "cron", "comment"),
        ('<url x="1">https://a</url>', "url", 'attribute "x"'),
        ('<data xml:space="preserve"> </data>', "data", "attribute"),
        ("<url>a</url><url>a</url>", "url", "more than once"),
        ("<x/><x/>", "x", "more than once"),
        ("<URL>a</URL>", "URL", "no member"),
        ("<callback>a</callback>", "callback", "no member"),
        ("<a><b><c/></b></a>", "a", "no member"),
        ("<xml:url>a</xml:url>", "{http://www.w3.org/XML/1998/namespace}url", "no member"),
        ("<enabled>yes</enabled>", "enabled", '"yes"'),
        ("<enabled/>", "enabled", '""'),
        ("<tags>x</tags>", "tags", 'the text "x"'),
        ("<tags><tag>a</tag>x</tags>", "tags", 'the text "x"'),
        ("<tags><name>a</name></tags>", "tags", 'an element "name"'),
        ('<tags n="1"/>', "tags", "attribute"),
        ('<tags><tag n="1">a</tag></tags>', "tags[0]", "attribute"),
        ("<tags><tag>a</tag><tag>a<b/></tag></tags>", "tags[1]", "an element"),
        ("<headers><X-A>v</X-A></headers>", "headers", 'an element "X-A"'),
        ("<headers><header>v</header></headers>", "headers", "no attribute name"),
        ('<headers a="1"/>', "headers", "attribute"),
        ('<headers><header name="X" x="">v</header></headers>', "headers", "attribute"),
        ('<headers><header name="X"><b/></header></headers>', "headers.X", "an element"),
        (
            '<headers><header name="X">a</header><header name="X">b</header></headers>',
            "headers.X",
            "more than once",
        ),
        ("<timeout>1e999</timeout>", "timeout", "1e999"),
        ("<timeout>five</timeout>", "timeout", '"five"'),
        ("<timeout>05</timeout>", "timeout", '"05"'),
        ("<timeout/>", "timeout", '""'),
        ("<retry>5</retry>", "retry", 'the text "5"'),
        ("<retry><x/></retry>", "retry.x", "no member"),
        ("<retry><maxAge>1</maxAge><maxAge>1</maxAge></retry>", "retry.maxAge", "more than once"),
        ("<retry><maxAttempts>1.5</maxAttempts></retry>", "retry.maxAttempts", '"1.5"'),
        ("<retry><schedule>5</schedule></retry>", "retry.schedule", 'the text "5"'),
        (
            "<retry><schedule><wait>1</wait><wait>x</wait></schedule></retry>",
            "retry.schedule[1]",
            '"x"',
        ),
        ("<retry><backoff><base>1</base></backoff></retry>", "retry.backoff.base", "no member"),
    ],
)
def test_a_member_that_is_no_plain_element_is_refused_by_name(
    inside: str, member: str, said: str
) -> None:
    refused = refusal(f"<job>{inside}</job>")
    assert isinstance(refused, InvalidMember)
    assert refused.member == member
    assert said in refused.message


def test_an_attribute_of_the_root_is_refused() -> None:
    refused = refusal('<job version="1"/>')
    assert refused.member == "job"
    assert "attribute" in refused.message


def test_cdata_and_character_references_are_text() -> None:
    read = read_xml(
        b"<job><url>http<![CDATA[://a?b=1&c]]>&amp;d&#61;2</url><data><![CDATA[]]></data></job>"
    )
    assert read.url == "http://a?b=1&c&d=2"
    assert read.data == ""


def test_white_space_counts_in_data_alone() -> None:
    read = read_xml(
        b"<job>\n <url>\n\thttp://a/ </url>\r\n<cron> 0 0 12 * * ? </cron>"
        b"<data> \n\t&#13;x </data><enabled> false\n</enabled></job>\n"
    )
    assert (read.url, read.cron, read.enabled) == ("http://a/", "0 0 12 * * ?", False)
    assert read.data == " \n\t\rx "


def test_comments_and_instructions_between_members_say_nothing() -> None:
    body = f"<?a b?><!-- a --><job><!-- b -->{URL}<?c d?><!-- e --></job><!-- f -->"
    assert read_xml(body.encode()) == JobDocument(url="https://example.com/")


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "a\rb", "\r\n", "\t", "]]>", "<a>&amp;", "é\u0085\u2028😀"]
)
def test_data_that_xml_can_hold_is_read_back_exactly(text: str) -> None:
    written = write(JobDocument(data=text), "xml")
    assert read_xml(written).data == text
    assert etree.fromstring(written).findtext("data") == text


@pytest.mark.parametrize("text", ["\0", "a\x08b", "\x1f", "\ufffe", "\uffff"])
def test_data_that_xml_cannot_hold_is_base64_in_xml_alone(text: str) -> None:
    written = read_xml(
        write(JobDocument(url="http://a/", when="2030-01-01T00:00Z", data=text), "xml")
    )
    assert written.data_encoding == "base64"
    assert job_document.to_booking(written).data == text.encode()


def test_the_schema_takes_what_is_taken_and_what_is_written() -> None:
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    full = JobDocument(
        id="03ba07bc-0c8b-4a82-9a47-c65e7a8d24af",
        account="example",
        url="https://example.com/?a=1&b=2",
        signature="sig",
        content_type="text/plain; charset=utf-8",
        data=" two\nlines ",
        cron="0 15 10 ? * *",
        timezone="Europe/Berlin",
        on_gap="next",
        on_overlap="both",
        next="2011-05-11T15:30:00Z",
        enabled=False,
    )
    for name in ("options.request.xml", "options.response.xml"):
        assert schema.validate(etree.fromstring(golden(name))), schema.error_log
    backoff = "<backoff><initial>1</initial><factor>1.5</factor><max>9</max></backoff>"
    assert schema.validate(
        etree.fromstring(f"<job>{URL}<retry>{backoff}</retry><tags/><headers/></job>")
    ), schema.error_log
    assert schema.validate(etree.fromstring(write(full, "xml"))), schema.error_log
    assert schema.validate(etree.fromstring(GOOD)), schema.error_log
    assert schema.validate(
        etree.fromstring("<jobs><id>03ba07bc-0c8b-4a82-9a47-c65e7a8d24af</id></jobs>")
    )
    assert schema.validate(etree.fromstring(f"<jobs>{GOOD}{GOOD}</jobs>")), schema.error_log
    for bad in (
        "<job/>",
        f"<jobs><id>03ba07bc-0c8b-4a82-9a47-c65e7a8d24af</id>{GOOD}</jobs>",
        f"<jobs>{GOOD * 1001}</jobs>",
        f"<job>{URL}{URL}</job>",
        f"<job>{URL}<x/></job>",
        f"<job>{URL}<onGap>both</onGap></job>",
        f"<job>{URL}<onOverlap>next</onOverlap></job>",
        f'<job a="1">{URL}</job>',
        f"<job>{URL}<timeout>0.5</timeout></job>",
        f"<job>{URL}<timeout>61</timeout></job>",
        f"<job>{URL}<method>TRACE</method></job>",
        f"<job>{URL}<misfire>none</misfire></job>",
        f"<job>{URL}<retry><maxAttempts>1.5</maxAttempts></retry></job>",
        f"<job>{URL}<retry><schedule/></retry></job>",
        f"<job>{URL}<retry><schedule><wait>x</wait></schedule></retry></job>",
        f"<job>{URL}<retry><backoff/></retry></job>",
        f"<job>{URL}<headers><header>x</header></headers></job>",
        f"<job>{URL}<tags><tag/></tags></job>",
        f"<job>{URL}<name/></job>",
    ):
        assert not schema.validate(etree.fromstring(bad))


@pytest.mark.parametrize(
    "document",
    [
        f"<job {XSI} {XSD}>{{}}</job>",
        f'<job {XSI} xsi:noNamespaceSchemaLocation="job.xsd">{{}}</job>',
        f'<job {XSI} xsi:schemaLocation="urn:x job.xsd">{{}}</job>',
        f'<job {XSI} {XSD}>{{}}<data xsi:type="xsd:string">a</data></job>',
        f"<job>{{}}<data {XSI} {XSD} xsi:type='xsd:string'>a</data></job>",
        f'<job {XSI.replace("xsi", "i")} i:noNamespaceSchemaLocation="job.xsd">{{}}</job>',
    ],
)
def test_hints_for_processors_of_schemas_are_ignored(document: str) -> None:
    inside = f"{URL}<when>2030-01-01T00:00:00Z</when>"
    body = document.format(inside)
    assert etree.XMLSchema(etree.parse(SCHEMA)).validate(etree.fromstring(body))
    assert read_xml(body.encode()).url == "https://example.com/"
    many = bulk_document.read(Body(f"<jobs {XSI} {XSD}>{body * 2}</jobs>".encode(), "text/xml"))
    assert [each.url for each in many] == ["https://example.com/"] * 2


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (f'<job {XSI}>{URL}<data xsi:nil="true"/></job>', "XMLSchema-instance}nil"),
        (f'<job {XSI} xsi:nil="false">{URL}</job>', "XMLSchema-instance}nil"),
        (f'<job {XSI}>{URL}<data xml:lang="en">a</data></job>', "lang"),
        (f'<job xmlns="http://www.w3.org/2001/XMLSchema">{URL}</job>', "declares a namespace"),
        (f'<job {XSI}><url xmlns:a="urn:x">a</url></job>', '"url" declares a namespace'),
        (f"<xsi:job {XSI}/>", "root element"),
        (
            "<job " + " ".join(XSI.replace(":xsi", f":n{n}") for n in range(5)) + "/>",
            "declares a namespace",
        ),
        ("<job " + XSI.replace(":xsi", ":" + "n" * 17) + "/>", "declares a namespace"),
    ],
)
def test_other_attributes_and_namespaces_are_refused_beside_them(document: str, said: str) -> None:
    assert said in refusal(document).message
