"""Certificates for servers of the tests, by an authority that nobody knows."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path


def new_authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the file of an authority's certificate, and what a server at 127.0.0.1 has of it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)

    def certificate(
        subject: str, key: ec.EllipticCurvePrivateKey, signed_by: ec.EllipticCurvePrivateKey
    ) -> x509.Certificate:
        is_authority = key is signed_by
        here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named("authority of the tests"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if not is_authority:
            builder = builder.add_extension(here, critical=False)
        return builder.sign(signed_by, hashes.SHA256())

    pem = serialization.Encoding.PEM
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    bundle, both = folder / "authority.pem", folder / "server.pem"
    bundle.write_bytes(
        certificate("authority of the tests", authority, authority).public_bytes(pem)
    )
    both.write_bytes(
        certificate("server", server, authority).public_bytes(pem)
        + server.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return bundle, context
