"""Commands that make a machine harder to break into, shown and never run; pure.

What could lock the operator out (a firewall, SSH) comes with the port that SSH has here, and with
the word to keep a session open.
"""

from quaich.machine import reportunit, scans
from quaich.machine.system import DEBIAN, RHEL, System

_SSHD = """\
# SSH: keys instead of passwords. First make sure that your key lets you in, and stay logged in
# until it has let you in a second time.
cat > /etc/ssh/sshd_config.d/10-keys-only.conf <<'END'
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxAuthTries 3
END
sshd -t && systemctl reload {service}
"""

_UFW = """\
# Firewall: only SSH and the web come in.
apt-get install ufw
ufw limit {ssh}/tcp
{web}ufw --force enable
ufw status verbose
"""

_FIREWALLD = """\
# Firewall: only SSH and the web come in.
dnf install firewalld
systemctl enable --now firewalld
firewall-cmd --permanent --add-port={ssh}/tcp
{web}firewall-cmd --reload
"""

_NFT = """\
# Firewall: only SSH and the web come in. This replaces /etc/nftables.conf.
cat > /etc/nftables.conf <<'END'
#!/usr/sbin/nft -f
flush ruleset
table inet filter {{
    chain input {{
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        ct state invalid drop
        iif lo accept
        meta l4proto {{ icmp, ipv6-icmp }} accept
        tcp dport {{ {ports} }} accept
    }}
}}
END
nft -c -f /etc/nftables.conf && systemctl enable nftables && systemctl restart nftables
"""

_FAIL2BAN = """\
# fail2ban: addresses that guess passwords of SSH, or look for holes in the sites, are shut out.
{install}
cat > /etc/fail2ban/filter.d/quaich.conf <<'END'
{filter}END
cat > /etc/fail2ban/jail.d/quaich.conf <<'END'
{jail}END
fail2ban-client -t && systemctl restart fail2ban
fail2ban-client status quaich
"""

_REPORT = """\
# A report on the last day of all sites, every morning: journalctl -u quaich-report
cat > /etc/systemd/system/quaich-report.service <<'END'
{service}END
cat > /etc/systemd/system/quaich-report.timer <<'END'
{timer}END
systemctl daemon-reload && systemctl enable --now quaich-report.timer
"""

_UPDATES = {
    DEBIAN: """\
# Security updates by themselves.
apt-get install unattended-upgrades
dpkg-reconfigure --priority=low unattended-upgrades
""",
    RHEL: """\
# Security updates by themselves.
dnf install dnf-automatic
systemctl enable --now dnf-automatic-install.timer
""",
}


def suggest(system: System, ssh: int, port: int, has_nft: bool, command: tuple[str, ...]) -> str:
    """The commands for this system; ``ssh`` and ``port`` are those of SSH and of the sites,
    ``command`` is how quaich is started.
    """
    web = sorted({port, 443} if port == 80 else {port})
    parts = [f"# Commands for {system.name}. None of them was run.\n"]
    if system.family == DEBIAN:
        parts.append(_UFW.format(ssh=ssh, web="".join(f"ufw allow {each}/tcp\n" for each in web)))
    elif system.family == RHEL:
        rule = "firewall-cmd --permanent --add-port={}/tcp\n"
        parts.append(_FIREWALLD.format(ssh=ssh, web="".join(map(rule.format, web))))
    if has_nft or not system.known:
        text = _NFT.format(ports=", ".join(map(str, [ssh, *web])))
        parts.append(text.replace("# Firewall:", "# Or, by nftables alone:", 1))
    service = "ssh" if system.family == DEBIAN else "sshd"
    parts.append(_SSHD.format(service=service))
    tool = {DEBIAN: "apt-get install fail2ban", RHEL: "dnf install epel-release fail2ban"}
    parts.append(
        _FAIL2BAN.format(
            install=tool.get(system.family, "# install fail2ban"),
            filter=scans.fail2ban_filter(),
            jail=scans.fail2ban_jail(),
        )
    )
    parts.append(_REPORT.format(service=reportunit.service(command), timer=reportunit.timer()))
    if system.family in _UPDATES:
        parts.append(_UPDATES[system.family])
    return "\n".join(parts)
