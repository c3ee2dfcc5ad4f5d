"""RFC 3161: asks a time stamping authority for a token, and looks at what it gave before it is kept."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from audit.outgoing import send, shown

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"


class BadStamp(ValueError):
    """The authority's answer is no valid token for what was asked."""


def stamp_of(url: str, message: bytes, roots: Path | None) -> bytes:
    """The authority's reply (DER) for these bytes, checked up to the roots. Raises BadStamp, Unreachable."""
    trusted = _certificates(roots)
    query = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    found = send("POST", url, query.as_bytes(), {"Content-Type": QUERY, "Accept": REPLY})
    if not found.good:
        raise BadStamp(f"{shown(url)} answered {found.status}")
    verifier = VerifierBuilder.from_request(query)
    for certificate in trusted:
        verifier = verifier.add_root_certificate(certificate)
    try:
        verifier.build().verify_message(decode_timestamp_response(found.body), message)
    except (ValueError, VerificationError) as error:
        raise BadStamp(f"{shown(url)} gave no valid time stamp: {error}") from error
    return found.body


def _certificates(roots: Path | None) -> list[x509.Certificate]:
    if roots is None:
        raise BadStamp("ASSENTRY_TSA_ROOTS names no certificates, so no time stamp can be checked")
    try:
        return x509.load_pem_x509_certificates(roots.read_bytes())
    except (OSError, ValueError) as error:
        raise BadStamp(f"{roots} holds no certificates: {error}") from error
