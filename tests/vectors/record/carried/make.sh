#!/bin/sh
# Makes the carried signatures beside this file: invented certificate authorities, doctors and a
# time-stamp authority. Private keys are thrown away. Needs openssl 3 and, for SM2, the Python of
# tests/readers/python. Usage: PYTHON=… sh make.sh
set -eu
out=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > ext.cnf <<'CNF'
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
[sub]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign,digitalSignature
[doctor]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,nonRepudiation
[web]
basicConstraints=critical,CA:FALSE
keyUsage=critical,keyEncipherment
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
accuracy=secs:1
ess_cert_id_alg=sha256
CNF
echo 01 > crlnumber
echo 01 > stamp-serial
printf '%%PDF-1.7 discharge summary' > file.pdf

new_key() { # kind file
  case $1 in
    rsa) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$2" ;;
    p256) openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2" ;;
    sm2) openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -out "$2" ;;
  esac
}

certify() { # kind name subject extensions issuer serial
  new_key "$1" "$2.key"
  set -- "$@" ""
  case $1 in
    sm2) digest=-sm3; id="-sigopt distid:1234567812345678"; vfy="-vfyopt distid:1234567812345678" ;;
    *) digest=-sha256; id=; vfy= ;;
  esac
  openssl req -new $digest $id -key "$2.key" -subj "/CN=$3" -out request.pem
  if [ "$5" = self ]; then signer="-signkey $2.key"; else signer="-CA $5.pem -CAkey $5.key"; fi
  openssl x509 -req $digest $id $vfy -in request.pem $signer -days 9000 -extfile ext.cnf \
    -extensions "$4" -set_serial "$6" -out "$2.pem" 2> /dev/null
  openssl x509 -in "$2.pem" -outform DER -out "$2.der"
}

hierarchy() { # kind
  certify "$1" "$1-root" "Invented CA $1" ca self 1
  certify "$1" "$1-sub" "Invented issuing CA $1" sub "$1-root" 2
  certify "$1" "$1-doctor" "Dr. Li $1" doctor "$1-sub" 3
}

sign() { # kind signer output
  openssl cms -sign -binary -md sha256 -signer "$1-$2.pem" -inkey "$1-$2.key" -in file.pdf \
    -certfile "$1-sub.pem" -outform DER -out "$3"
}

for kind in rsa p256; do
  hierarchy $kind
  certify $kind $kind-web "Web server $kind" web $kind-sub 4
  sign $kind doctor $kind-detached.cms
  sign $kind web $kind-web.cms
  openssl cms -sign -binary -nodetach -noattr -nocerts -md sha256 -signer $kind-doctor.pem \
    -inkey $kind-doctor.key -in file.pdf -outform DER -out $kind-attached.cms
done
# A certificate issued by a doctor, and one below an authority that may have none below it.
certify p256 p256-rogue "Dr. Rogue" doctor p256-doctor 5
certify p256 p256-subsub "Invented CA too deep" ca p256-sub 6
certify p256 p256-deep "Dr. Deep" doctor p256-subsub 7
sign p256 rogue p256-rogue.cms
sign p256 deep p256-deep.cms
hierarchy sm2
"${PYTHON:-python3}" "$out/make_sm2.py" sm2-doctor.key sm2-doctor.pem file.pdf sm2-detached.cms

certify p256 stamp-root "Invented TSA root" ca self 1
certify p256 stamp "Invented TSA" tsa stamp-root 2
value=$(openssl asn1parse -inform DER -in p256-detached.cms | grep 'OCTET STRING' | tail -1)
offset=$(echo "$value" | cut -d: -f1)
head=$(echo "$value" | sed 's/.*hl=\([0-9]*\).*/\1/')
length=$(echo "$value" | sed 's/.*l= *\([0-9]*\) prim.*/\1/')
tail -c +$((offset + head + 1)) p256-detached.cms | head -c "$length" > value
openssl ts -query -data value -sha256 -cert -no_nonce -out query 2> /dev/null
openssl ts -reply -config ext.cnf -section stamps -queryfile query -signer stamp.pem \
  -inkey stamp.key -token_out -out p256-stamp.der 2> /dev/null

answers() { # state line, name
  printf "$1" > index.txt
  openssl ca -gencrl -config ext.cnf -name lists -cert p256-sub.pem -keyfile p256-sub.key \
    -crldays 9000 -out list.pem 2> /dev/null
  openssl crl -in list.pem -outform DER -out "$2.crl"
  openssl ocsp -index index.txt -CA p256-sub.pem -rsigner p256-sub.pem -rkey p256-sub.key \
    -issuer p256-sub.pem -serial 3 -ndays 9000 -respout "$2.ocsp" > /dev/null 2>&1
}
answers 'V\t500101000000Z\t\t03\tunknown\t/CN=Dr. Li p256\n' good
answers 'R\t500101000000Z\t260101000000Z\t03\tunknown\t/CN=Dr. Li p256\n' revoked

cp ./*.der ./*.cms ./*.crl ./*.ocsp file.pdf "$out"
