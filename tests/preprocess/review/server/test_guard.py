"""Only the page itself may talk to the server."""

from .conftest import Client


def test_a_wrong_or_missing_token_is_refused(client: Client) -> None:
    assert client.ask("")[0] == 200
    for path in ("/", "/films", "/wrong/", "/wrong/films/0", "//", "/page.js", "/%2e%2e/", "/\u00e4".encode().hex()):
        status, content = client.ask(path if path.startswith("/") else f"/{path}")
        assert (status, content) == (403, b"403: open the whole address that fxkit review printed\n")


def test_another_host_is_refused(client: Client) -> None:
    port = client.origin.rsplit(":", 1)[1]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1:{port}.evil.example"):
        status, content = client.ask("films/0", headers={"Host": host})
        assert (status, content) == (403, b"403: the address must begin with 127.0.0.1 or localhost\n")
    assert client.ask("films/0", headers={"Host": f"localhost:{port}"})[0] == 200


def test_only_the_page_itself_may_change_films(client: Client) -> None:
    body = {"markers": [], "version": client.get("films/0")["version"]}
    for origin in ("http://evil.example", "null", "", client.origin.replace("http", "https"), client.origin + "0"):
        status, content = client.ask("films/0", body, headers={"Origin": origin})
        assert (status, content) == (403, b"403: only the page of fxkit review may change films\n")
    assert client.ask("films/0", method="DELETE")[0] == 403
    assert not client.get("films/0")["judged"]


def test_only_films_of_the_folder_are_reachable(client: Client) -> None:
    paths = ["films/6", "films/-1", "films/x", "films/0/../../x", "..%2f..%2fledger.jsonl", "session.py", "films/0/x"]
    for path in (*paths, "films/6/before"):
        assert client.ask(path)[0] in (404, 403), path
    assert client.ask("films/0/before")[1][:2] == b"\xff\xd8"


def test_nonsense_is_answered_in_one_line(client: Client) -> None:
    quad = [[1, 1], [9, 1], [9, 9], [1, 9]]
    bodies = [b"", b"[]", b"{}", b"[" * 100_000, b'{"markers": [], "version": NaN}', b"x" * 2_000_000]
    good = {"quad": quad}
    wrong = [good | {"style": "<b>"}, {"quad": quad[:3]}, {"quad": [[1e300, 1], *quad[1:]]}, good | {"more": 1}]
    bodies += [{"markers": [marker], "version": 1} for marker in wrong]
    bodies += [{"markers": [good] * 501, "version": 1}]
    for body in bodies:
        status, content = client.ask("films/0", body)
        assert status == 400, content
        assert b"error" in content
        assert b"Traceback" not in content


def test_every_answer_forbids_scripts_of_others(client: Client) -> None:
    import urllib.request

    with urllib.request.urlopen(client.address) as answer:
        policy = answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
    assert policy.startswith("default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'")
    assert "unsafe" not in policy
