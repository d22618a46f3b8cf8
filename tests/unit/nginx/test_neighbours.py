"""What else a configuration serves."""

from quaich.nginx.neighbours import default_of, same_host, servers, servers_of

DUMP = """\
# configuration file /etc/nginx/nginx.conf:
http {
    include /etc/nginx/sites-enabled/*;
}

# configuration file /etc/nginx/sites-enabled/default:
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    server_name _;
}
server {
    listen *:80;
    listen 443 ssl;
    server_name Shop.example www.shop.example;
}
server { listen unix:/run/x.sock; server_name a.example; }
server { server_name plain.example; }
"""


def mine(text: str) -> list:  # type: ignore[type-arg]
    return servers_of("/mine", text)


def test_servers() -> None:
    found = servers(DUMP)
    assert [each.place.rpartition(":")[2] for each in found] == ["1", "6", "11", "12"]
    assert found[0].defaults == {("", 80), ("[::]", 80)}
    assert found[1].names == {"shop.example", "www.shop.example"}
    assert found[1].ports == {80, 443}
    assert found[1].file == "/etc/nginx/sites-enabled/default"
    assert found[2].listens == frozenset()
    assert found[3].listens == {("", 80)}
    assert servers("nothing") == []


def test_the_same_host() -> None:
    around = servers(DUMP)
    found = same_host(mine("server { listen 443 ssl; server_name shop.example; }"), around)
    assert found is not None
    assert (found[0], found[1], found[2]) == (around[1], "shop.example", 443)
    assert same_host(mine("server { listen 81; server_name shop.example; }"), around) is None
    assert same_host(mine("server { listen 80; server_name _; }"), around) is None


def test_the_default_server() -> None:
    around = servers(DUMP)
    assert default_of([("", 80)], around) == around[0]
    assert default_of([("", 81), ("127.0.0.1", 80)], around) is None


def test_quic_has_a_default_of_its_own() -> None:
    found = mine("server { listen 443 quic reuseport default_server; listen 443 ssl; }")[0]
    assert found.defaults == {("quic ", 443)}
    assert found.listens == {("quic ", 443), ("", 443)}
