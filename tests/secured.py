"""An Apache Kafka with users, certificates and ACLs: each kind of security on one broker."""

from __future__ import annotations

import re
import string
import subprocess
from pathlib import Path

import pytest
from brokers import Kafka, shared
from processes import free_port, until

PASSWORD = "SECRET-password"  # noqa: S105 - of no other broker
PASSPHRASE = "SECRET-passphrase"  # noqa: S105 - as above
_PROPERTIES = Path(__file__).parent / "kafka" / "secured.properties"
_CERTIFICATES = f"""
req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ca.key -out ca.pem
    -subj /CN=CA -addext keyUsage=critical,keyCertSign
req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout server.pem -out server.crt
    -subj /CN=broker -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE
    -CA ca.pem -CAkey ca.key
req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout client.key -out client.pem
    -subj /CN=shop -addext basicConstraints=critical,CA:FALSE
    -CA ca.pem -CAkey ca.key -passout pass:{PASSPHRASE}
"""
"""What openssl is told, a command a line that is not indented."""


class SecuredKafka(Kafka):
    """Who comes to `bootstrap` may do all; the tests' programs use the other listeners.

    `listeners` are their addresses: SASL (over TLS; the user `shop`), TLS and MTLS. In `folder` are
    ca.pem, and client.pem with its key, for which one needs the passphrase.
    """

    def __init__(self, bootstrap: str, pid: int, folder: Path) -> None:
        super().__init__(bootstrap, pid)
        self.folder = folder
        properties = (folder / "server.properties").read_text()
        self.listeners = dict(re.findall(r"(\w+)://([\d.:]+)", properties))

    def forbidden_topic(self) -> str:
        """Create a topic that `shop` may see, but neither write to nor read from."""
        from confluent_kafka.admin import (
            AclBinding,
            AclBindingFilter,
            AclOperation,
            AclPermissionType,
            ResourcePatternType,
            ResourceType,
        )

        topic = self.topic()
        described = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:shop", "*")
        allowed = (*described, AclOperation.DESCRIBE, AclPermissionType.ALLOW)
        for created in self._admin.create_acls([AclBinding(*allowed)]).values():
            created.result(30)
        in_force = AclBindingFilter(*allowed)
        until(lambda: self._admin.describe_acls(in_force).result(30), "the ACL is not in force")
        return topic

    def add_user(self, mechanism: str) -> None:
        """Let `shop` in by a mechanism of SCRAM, whose users are in the log of the cluster."""
        from confluent_kafka.admin import (
            ScramCredentialInfo,
            ScramMechanism,
            UserScramCredentialUpsertion,
        )

        kind = ScramMechanism[mechanism.replace("-", "_")]
        credential = ScramCredentialInfo(kind, 4096)
        change = UserScramCredentialUpsertion("shop", credential, PASSWORD.encode())
        self._admin.alter_user_scram_credentials([change])["shop"].result(30)


@pytest.fixture(scope="session")
def secured_kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SecuredKafka:
    """Give the secured Kafka of this test run, which all of its workers share: some 5 s."""
    folder, kafka = shared(request, tmp_path_factory, "secured", _configuration)
    return SecuredKafka(kafka.bootstrap, kafka.pid, folder)


def _configuration(folder: Path) -> str:
    """Make the certificates in `folder`; return what the broker's configuration has of security."""
    for arguments in re.split(r"\n(?! )", _CERTIFICATES.strip()):
        made = subprocess.run(
            ["openssl", *arguments.split()],  # noqa: S607 - wherever it is
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
    with (folder / "server.pem").open("a") as chain:  # the key stands in it already
        chain.write((folder / "server.crt").read_text())
    ports = {name: free_port() for name in ("sasl", "tls", "mtls")}
    properties = string.Template(_PROPERTIES.read_text())
    return properties.safe_substitute(folder=folder, password=PASSWORD, **ports)
