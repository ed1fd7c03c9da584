"""Certificates for tests: an authority, and server certificates it signs, as files that can be replaced."""
import hashlib
import os
import ssl
import subprocess

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_key(path):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


class Certificate:
    """A server's certificate and key in `directory`, signed by an authority made there."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.path, self.key_path = self.place("server.pem"), self.place("server.key")
        self.authority = self.place("authority.pem")
        make_key(self.place("authority.key"))
        openssl("req", "-x509", "-new", "-key", self.place("authority.key"), "-out", self.authority, "-days", "30",
                "-subj", "/CN=Authority of the tests", "-addext", "keyUsage=critical,keyCertSign")
        self.renew()

    def place(self, name):
        return os.path.join(self.directory, name)

    def make(self, name, days="30"):
        """A new certificate and key as name.pem and name.key."""
        with open(self.place("names"), "w") as names:
            names.write(NAMES)
        make_key(self.place(name + ".key"))
        openssl("req", "-new", "-key", self.place(name + ".key"), "-subj", "/CN=localhost", "-out", self.place("request"))
        openssl("x509", "-req", "-in", self.place("request"), "-CA", self.authority, "-CAkey", self.place("authority.key"),
                "-CAcreateserial", "-days", days, "-extfile", self.place("names"), "-out", self.place(name + ".pem"))

    def renew(self, halfway=lambda: None):
        """Puts a new certificate, then its key, in the place of those in use; `halfway` is called in between."""
        self.make("next")
        os.replace(self.place("next.pem"), self.path)
        halfway()
        os.replace(self.place("next.key"), self.key_path)

    def fingerprint(self):
        with open(self.path) as file:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()

    def client(self):
        """What a client needs to trust it."""
        return ssl.create_default_context(cafile=self.authority)
