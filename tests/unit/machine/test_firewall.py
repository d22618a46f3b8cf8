import pytest

from quaich.machine import firewall

UFW = """\
Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), disabled (routed)

To                         Action      From
--                         ------      ----
22/tcp                     LIMIT IN    Anywhere
Nginx Full                 ALLOW IN    Anywhere
8000:8002/tcp              ALLOW IN    Anywhere
5432                       ALLOW IN    10.0.0.0/8
9000/udp                   DENY IN     Anywhere
443 (v6)                   ALLOW IN    Anywhere (v6)
"""
NFT = """\
table inet filter {
\tchain input {
\t\ttype filter hook input priority filter; policy drop;
\t\ttcp dport { 22, 80, 8000-8001 } accept
\t\ttcp dport 3306 drop
\t}
\tchain output {
\t\ttype filter hook output priority filter; policy accept;
\t}
}
"""


def test_ufw() -> None:
    found = firewall.ufw(UFW)
    assert found.tool == "ufw"
    assert found.opens == {22, 80, 443, 8000, 8001, 8002}
    assert firewall.ufw("Status: inactive\n").tool == ""
    open_by_default = UFW.replace("deny (incoming)", "allow (incoming)")
    assert firewall.ufw(open_by_default).lets_in(80) is None


def test_firewalld() -> None:
    found = firewall.firewalld("running\n", "ssh dhcpv6-client http\n", "8080/tcp 53/udp\n")
    assert (found.tool, found.opens) == ("firewalld", {22, 80, 8080})
    assert firewall.firewalld("not running\n", "", "").tool == ""


@pytest.mark.parametrize(
    ("rules", "tool", "on_80"),
    [
        (NFT, "nftables", True),
        (NFT.replace("80, ", ""), "nftables", False),
        (NFT.replace("tcp dport", "tcp sport"), "nftables", None),
        (NFT.replace("policy drop", "policy accept").replace("3306 drop", "1 accept"), "", True),
        ("", "", True),
    ],
)
def test_nftables(rules: str, tool: str, on_80: bool | None) -> None:
    found = firewall.nftables(rules)
    assert (found.tool, found.lets_in(80)) == (tool, on_80)
