"""The certificate files, tried before anybody connects.

gunicorn opens them at the first handshake, so a key that does not fit its certificate would start
a service which looks healthy and which no client can reach.
"""

import ssl

from config.env import Environment


def check(env: Environment, *, certificate: str, key: str, client_ca: str) -> None:
    """Note what is wrong with the files; empty paths mean that there is no TLS."""
    if bool(certificate) != bool(key):
        env.mistake("TLS_KEY_FILE", "goes with TLS_CERT_FILE; set both or neither.")
    elif certificate and not _fit(certificate, key):
        env.mistake(
            "TLS_CERT_FILE", "and TLS_KEY_FILE must be a certificate and its unencrypted key, PEM."
        )
    if client_ca and not certificate:
        env.mistake("TLS_CLIENT_CA_FILE", "needs TLS_CERT_FILE and TLS_KEY_FILE; set those too.")
    elif client_ca and not _authorities(client_ca):
        env.mistake("TLS_CLIENT_CA_FILE", "must hold the certificates of the authorities, PEM.")


def _fit(certificate: str, key: str) -> bool:
    try:
        # The empty password keeps OpenSSL from asking the terminal for that of an encrypted key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError, ValueError):
        return False
    return True


def _authorities(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except (ssl.SSLError, OSError):
        return False
    return True
