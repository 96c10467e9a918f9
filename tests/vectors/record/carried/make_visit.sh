#!/bin/sh
# Makes what lies beside visit.json here: the signature of an invented hospital's system over it, with
# answers about revocation and a time-stamp, as the inner zone takes them, and the roots. Private keys
# are thrown away. Needs openssl 3. Usage: sh make_visit.sh
set -eu
out=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > ext.cnf <<'CNF'
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign,digitalSignature
[doctor]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,nonRepudiation
[tsa]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,timeStamping
[lists]
database=index.txt
crlnumber=crlnumber
default_md=sha256
[stamps]
serial=stamp-serial
signer_digest=sha256
default_policy=1.2.3.4
digests=sha256
ess_cert_id_alg=sha256
CNF
echo 01 > crlnumber
echo 01 > stamp-serial
certify() { # name subject extensions issuer serial
    openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
    openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
    if [ "$4" = self ]; then signer="-signkey $1.key"; else signer="-CA $4.pem -CAkey $4.key"; fi
    openssl x509 -req -in "$1.csr" $signer -set_serial "$5" -days 9000 -extfile ext.cnf \
        -extensions "$3" -out "$1.pem" 2> /dev/null
}
root() {
    certify "$1" "$2" ca self 1
    openssl x509 -in "$1.pem" -outform DER -out "$out/$1.der"
}
root visit-root "Invented Root"
root visit-other-root "Another Root"
root visit-stamp-root "Invented TSA Root"
certify doctor "Dr. Li" doctor visit-root 3
certify stamp "Invented TSA" tsa visit-stamp-root 2
openssl cms -sign -binary -md sha256 -in "$out/visit.json" -signer doctor.pem -inkey doctor.key \
    -outform DER -out "$out/visit.json.p7s"

# A time-stamp is over the signature's value: the last octet string of the structure.
value=$(openssl asn1parse -inform DER -in "$out/visit.json.p7s" | grep 'OCTET STRING' | tail -1)
offset=$(echo "$value" | cut -d: -f1)
head=$(echo "$value" | sed 's/.*hl=\([0-9]*\).*/\1/')
length=$(echo "$value" | sed 's/.*l= *\([0-9]*\) prim.*/\1/')
tail -c +$((offset + head + 1)) "$out/visit.json.p7s" | head -c "$length" > value
openssl ts -query -data value -sha256 -cert -no_nonce -out query 2> /dev/null
openssl ts -reply -config ext.cnf -section stamps -queryfile query -signer stamp.pem \
    -inkey stamp.key -out "$out/visit.json.tsr" 2> /dev/null

answers() { # state line, name
    printf "$1" > index.txt
    openssl ca -gencrl -config ext.cnf -name lists -cert visit-root.pem -keyfile visit-root.key \
        -crldays 9000 -out list.pem 2> /dev/null
    openssl crl -in list.pem -outform DER -out "$out/$2.crl"
    openssl ocsp -index index.txt -CA visit-root.pem -rsigner visit-root.pem -rkey visit-root.key \
        -issuer visit-root.pem -serial 3 -ndays 9000 -respout "$out/$2.ocsp" > /dev/null 2>&1
}
answers 'V\t500101000000Z\t\t03\tunknown\t/CN=Dr. Li\n' visit.json
answers 'R\t500101000000Z\t260101000000Z\t03\tunknown\t/CN=Dr. Li\n' visit-revoked
