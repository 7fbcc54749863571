"""The Ed25519 key that signs the ledger's head and every certificate."""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner, Key, Signature, SSlibKey  # type: ignore[attr-defined]  # its public names

from rai_platform.errors import LedgerBroken, UnverifiedRelease


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and what verifies its signatures."""

    signer: CryptoSigner

    @property
    def public(self) -> Key:
        """The public half."""
        return self.signer.public_key

    @property
    def key_id(self) -> str:
        """The key's identity in signatures."""
        identity: str = self.signer.public_key.keyid
        return identity

    def sign(self, content: bytes) -> str:
        """The signature of ``content``, hexadecimal."""
        signature: str = self.signer.sign(content).signature
        return signature

    def verifies(self, content: bytes, signature: str) -> bool:
        """Whether this key signed ``content``."""
        try:
            self.public.verify_signature(Signature(self.key_id, signature), content)
        except (UnverifiedSignatureError, VerificationError, ValueError):
            return False
        return True


def load_key(path: Path) -> SigningKey:
    """The key in a PEM file.

    Raises:
        LedgerBroken: the file is not there or holds no Ed25519 key.
    """
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
        return SigningKey(CryptoSigner(private))
    except FileNotFoundError:
        raise LedgerBroken(
            "the signing key is missing; restore it from your backup, since nothing can be signed or promoted without it",
            where=str(path),
        ) from None
    except (ValueError, TypeError) as error:
        raise LedgerBroken(f"expected an unencrypted Ed25519 private key in PEM: {error}", where=str(path)) from None


def load_public_key(path: Path, *, signing_key: Path) -> Key:
    """The public key in a PEM file; where there is none, the public half of the signing key.

    Raises:
        UnverifiedRelease: neither is there, or it is no Ed25519 key.
    """
    try:
        return SSlibKey.from_crypto(load_pem_public_key(path.read_bytes()))
    except FileNotFoundError:
        if signing_key.exists():
            return load_key(signing_key).public
        raise UnverifiedRelease(
            "there is no public key to verify a release with; set RAI_PUBLIC_KEY to a copy of `keys/signing_key.pub.pem` of the "
            "home that released it",
            where=str(path),
        ) from None
    except (ValueError, TypeError) as error:
        raise UnverifiedRelease(f"expected an Ed25519 public key in PEM: {error}", where=str(path)) from None


def create_key(path: Path) -> SigningKey:
    """A new key, in a file that only its owner can read; its public half beside it for whoever verifies.

    Raises:
        FileExistsError: there is a key already, perhaps since a moment ago.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    signer = CryptoSigner.generate_ed25519()
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.touch(mode=0o600, exist_ok=False)
    partial.write_bytes(signer.private_bytes)
    try:
        os.link(partial, path)  # whole, or not at all where another process was first
    finally:
        partial.unlink()
    public = load_pem_private_key(signer.private_bytes, password=None).public_key()
    path.with_suffix(".pub.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return SigningKey(signer)
