"""A certificate of nobody's domain: a load balancer takes one that signed itself, and no DNS zone is needed."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from acceptance.stack import ZONE
from releases.errors import DeliveryError


def imported(acm: Any) -> str:
    """Make one, give it to ACM, and forget its key; the ARN.

    Raises:
        DeliveryError: there is no openssl, or it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-subj", f"/CN=*.{ZONE}"]
        files = ["-keyout", str(key), "-out", str(certificate)]
        try:
            done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise DeliveryError("there is no openssl on PATH, which makes the load balancer's certificate") from None
        if done.returncode != 0:
            raise DeliveryError(f"openssl made no certificate: {done.stderr.strip()}")
        given = acm.import_certificate(Certificate=certificate.read_bytes(), PrivateKey=key.read_bytes())
    return str(given["CertificateArn"])
