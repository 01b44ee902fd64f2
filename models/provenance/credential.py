"""The certificate that content credentials are signed with: the operator's, or one for development.

C2PA asks for a chain whose leaf may sign documents (`emailProtection`) and is not its own issuer.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from models.errors import SetupError

DEVELOPMENT = "Avatar Orchestrator, development only"
_FILE = "development.pem"
_DAYS = 3650
_MARK = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Credential:
    chain: bytes  # PEM, the leaf first
    key: bytes  # PEM, PKCS 8, of the curve P-256

    @property
    def development(self) -> bool:
        leaf = x509.load_pem_x509_certificates(self.chain)[0]
        return DEVELOPMENT in leaf.subject.rfc4514_string().replace("\\,", ",")


def load_credential(file: Path) -> Credential:
    """One PEM file with the private key and the chain. Raises SetupError."""
    try:
        content = file.read_bytes()
        key, chain = content[: content.index(_MARK)], content[content.index(_MARK) :]
        private, leaf = load_pem_private_key(key, None), x509.load_pem_x509_certificates(chain)[0]
    except (OSError, ValueError, TypeError) as error:
        raise SetupError(
            f"{file.name} is no signing credential: put a private key of P-256 without a password, "
            "then its certificate and what that is issued by, into one PEM file"
        ) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.key_size != 256:
        raise SetupError(f"{file.name} holds a key of another kind: use one of the curve P-256")
    if private.public_key() != leaf.public_key():
        raise SetupError(
            f"{file.name} holds a key of another certificate: its own must stand first"
        )
    return Credential(chain, key)


def development_credential(folder: Path) -> Credential:
    """Made in `folder` at first use, and nobody trusts it. Raises SetupError."""
    file = folder / _FILE
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = _made()
        part = folder / f"{_FILE}.{id(made)}"
        part.touch(mode=0o600)
        part.write_bytes(made.key + made.chain)
        part.replace(file)
    return load_credential(file)


def _made() -> Credential:
    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _issued("root", root.public_key(), root, ca=True)
    certificate = _issued("signer", leaf.public_key(), root, ca=False)
    chain = certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM)
    key = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Credential(chain, key)


def _issued(
    name: str, public: ec.EllipticCurvePublicKey, root: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        subject_name=_named(name),
        issuer_name=_named("root"),
        public_key=public,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(minutes=5),
        not_valid_after=now + timedelta(days=_DAYS),
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(issuer, critical=False)
        .add_extension(_usage(ca=ca), critical=True)
    )
    if not ca:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(root, hashes.SHA256())


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
