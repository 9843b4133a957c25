# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made with openssl: good ones, and each way to be wrong."""
import subprocess

CA_CONF = '''
[ca]
default_ca = one
[one]
dir = {dir}
database = {dir}/index.txt
new_certs_dir = {dir}
serial = {dir}/serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
'''


def openssl(*arguments):
    subprocess.run(['openssl', *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """A certificate authority in a directory; ca_file is what weigate is told to trust."""

    def __init__(self, directory):
        directory.mkdir()
        directory.chmod(0o755)
        self.dir, self.ca_file = directory, directory / 'ca.pem'
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', '/CN=weigate test CA',
                '-keyout', directory / 'ca.key', '-out', self.ca_file)
        (directory / 'index.txt').touch()
        (directory / 'serial').write_text('01\n')
        (directory / 'ca.conf').write_text(CA_CONF.format(dir=directory))
        self.count = 0

    def issue(self, name='127.0.0.1', alternative='IP:127.0.0.1', begins='20200101000000Z', ends='20490101000000Z'):
        """(certificate, key) for a server; alternative='' leaves subjectAltName out."""
        self.count += 1
        stem = self.dir / f'server{self.count}'
        extension = ['-addext', f'subjectAltName={alternative}'] if alternative else []
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', f'/CN={name}', *extension,
                '-keyout', f'{stem}.key', '-out', f'{stem}.csr')
        openssl('ca', '-batch', '-config', self.dir / 'ca.conf', '-cert', self.ca_file, '-keyfile', self.dir / 'ca.key', '-startdate', begins, '-enddate', ends,
                '-notext', '-in', f'{stem}.csr', '-out', f'{stem}.pem')
        return f'{stem}.pem', f'{stem}.key'
