#!/bin/sh
# Makes the document and its carried signature beside this file: an invented authority, a doctor and
# another authority. Private keys are thrown away. Needs openssl 3. Usage: sh make.sh
set -eu
out=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > ext.cnf <<'CNF'
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
[doctor]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,nonRepudiation
CNF
root() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
    openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 3650 -extfile ext.cnf -extensions ca -out "$1.pem"
    openssl x509 -in "$1.pem" -outform DER -out "$out/$1.der"
}
root root "Invented Root"
root other-root "Another Root"
openssl ecparam -name prime256v1 -genkey -noout -out doctor.key
openssl req -new -key doctor.key -subj "/CN=Dr. Li" -out doctor.csr
openssl x509 -req -in doctor.csr -CA root.pem -CAkey root.key -CAcreateserial -days 3650 \
    -extfile ext.cnf -extensions doctor -out doctor.pem
openssl cms -sign -binary -md sha256 -in "$out/visit.json" -signer doctor.pem -inkey doctor.key \
    -outform DER -out "$out/visit.json.p7s"
